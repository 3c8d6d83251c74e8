"""Lists that are longer than a page, read by the Azure SDKs for Python: their own walk, as its traffic is not kept.

In: the environment that clients.sh makes. Out: rows of the table.
"""

import uuid
from concurrent.futures import ThreadPoolExecutor

from azure.identity import ClientSecretCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.cognitiveservices import CognitiveServicesManagementClient

from checks import ARM, CLIENT_ID, CLIENT_SECRET, OPTIONS, SUBSCRIPTION, TENANT, check

GROUP, ACCOUNTS, ASSIGNMENTS = "rg-pages", 205, 1010
SCOPE = f"/subscriptions/{SUBSCRIPTION}"
READER = f"{SCOPE}/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"

credential = ClientSecretCredential(TENANT, CLIENT_ID, CLIENT_SECRET, authority=ARM, disable_instance_discovery=True)
# Otherwise each thread asks for its own token.
credential.get_token(ARM + "/.default")
accounts = CognitiveServicesManagementClient(credential, SUBSCRIPTION, **OPTIONS)
access = AuthorizationManagementClient(credential, SUBSCRIPTION, **OPTIONS)
names = [f"page-{number:03d}" for number in range(ACCOUNTS)]
guids = [str(uuid.uuid5(uuid.NAMESPACE_URL, f"page {number}")) for number in range(ASSIGNMENTS)]


def account(name):
    body = {"location": "eastus", "kind": "TextTranslation", "sku": {"name": "S1"}, "properties": {}}
    return accounts.accounts.begin_create(GROUP, name, body).result().name


def assignment(guid):
    body = {"properties": {"roleDefinitionId": READER, "principalId": guid, "principalType": "Group"}}
    return access.role_assignments.create(f"{SCOPE}/resourceGroups/{GROUP}", guid, body).name


def pages(found):
    """Sizes of the pages, and whether every item came once."""
    return [[item.name for item in page] for page in found.by_page()]


def listed(found, wanted):
    read = pages(found)
    flat = [name for page in read for name in page]
    return [len(page) for page in read], sorted(flat) == sorted(wanted)


with ThreadPoolExecutor(8) as pool:
    check("pages", f"{ACCOUNTS} accounts.begin_create at once", sorted(names), lambda: sorted(pool.map(account, names)))
    check(
        "pages", f"{ASSIGNMENTS} role_assignments.create at once", sorted(guids), lambda: sorted(pool.map(assignment, guids))
    )
check("pages", "accounts.list", ([200, 5], True), lambda: listed(accounts.accounts.list(), names))
check(
    "pages",
    "accounts.list_by_resource_group",
    ([200, 5], True),
    lambda: listed(accounts.accounts.list_by_resource_group(GROUP), names),
)
check(
    "pages",
    "role_assignments.list_for_subscription",
    ([1000, 10], True),
    lambda: listed(access.role_assignments.list_for_subscription(), guids),
)
