"""The walk of the Azure SDKs for Python: accounts, keys, role assignments, with a client secret and a managed identity.

In: the environment that clients.sh makes. Out: rows of the table.
"""

import os
import uuid

from azure.identity import ClientSecretCredential, ManagedIdentityCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.cognitiveservices import CognitiveServicesManagementClient

from checks import ARM, CLIENT_ID, CLIENT_SECRET, OPTIONS, SUBSCRIPTION, TENANT, check

GROUP, NAME, LOCATION = "rg-sdk", "sdk-chat", "swedencentral"
SCOPE = f"/subscriptions/{SUBSCRIPTION}"
ID = f"{SCOPE}/resourceGroups/{GROUP}/providers/Microsoft.CognitiveServices/accounts/{NAME}"
USER = f"{SCOPE}/providers/Microsoft.Authorization/roleDefinitions/a97b65f3-24c7-4388-baec-2e87135dc908"
READER = f"{SCOPE}/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"
PRINCIPAL = "66666666-6666-4666-8666-666666666666"
ACCOUNT = {
    "location": LOCATION,
    "kind": "AIServices",
    "sku": {"name": "S0"},
    "identity": {"type": "SystemAssigned"},
    "tags": {"team": "ml"},
    "properties": {"customSubDomainName": NAME, "disableLocalAuth": True},
}


def row(what, expected, call):
    return check("sdk", what, expected, call)


secret = ClientSecretCredential(TENANT, CLIENT_ID, CLIENT_SECRET, authority=ARM, disable_instance_discovery=True)
row("ClientSecretCredential.get_token", True, lambda: len(secret.get_token(ARM + "/.default").token) > 20)
accounts = CognitiveServicesManagementClient(secret, SUBSCRIPTION, **OPTIONS)
access = AuthorizationManagementClient(secret, SUBSCRIPTION, **OPTIONS)

row(
    "accounts.begin_create().result()",
    ("Succeeded", "SystemAssigned", True),
    lambda: (
        (made := accounts.accounts.begin_create(GROUP, NAME, ACCOUNT).result()).properties.provisioning_state,
        made.identity.type,
        made.properties.disable_local_auth,
    ),
)
before = accounts.accounts.get(GROUP, NAME)
row(
    "accounts.get",
    (ID, "AIServices", LOCATION, {"team": "ml"}),
    lambda: (before.id, before.kind, before.location, before.tags),
)
row(
    "accounts.begin_create().result() on what is there: the principal stays",
    before.identity.principal_id,
    lambda: accounts.accounts.begin_create(GROUP, NAME, ACCOUNT | {"tags": {"team": "ai"}}).result().identity.principal_id,
)
row(
    "accounts.begin_update().result(), network rules",
    ("Deny", ["203.0.113.0/24"], {"team": "ai"}),
    lambda: (
        (live := accounts.accounts.begin_update(
            GROUP,
            NAME,
            {"properties": {"networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "203.0.113.0/24"}]}}},
        ).result()).properties.network_acls.default_action,
        [rule.value for rule in live.properties.network_acls.ip_rules],
        live.tags,
    ),
)
row(
    "accounts.begin_create without the rules that are there",
    "HttpResponseError BadRequest",
    lambda: accounts.accounts.begin_create(GROUP, NAME, ACCOUNT).result(),
)
row("accounts.list", [NAME], lambda: [item.name for item in accounts.accounts.list()])
row(
    "accounts.list_by_resource_group",
    [NAME],
    lambda: [item.name for item in accounts.accounts.list_by_resource_group(GROUP)],
)
row("accounts.get, absent", "ResourceNotFoundError ResourceNotFound", lambda: accounts.accounts.get(GROUP, "none"))
row(
    "check_domain_availability, taken and free",
    (False, True),
    lambda: tuple(
        accounts.check_domain_availability(name, "Microsoft.CognitiveServices/accounts").is_subdomain_available
        for name in (NAME, NAME + "-2")
    ),
)

row(
    "accounts.begin_update().result(), keys on",
    False,
    lambda: accounts.accounts.begin_update(GROUP, NAME, {"properties": {"disableLocalAuth": False}})
    .result()
    .properties.disable_local_auth,
)
keys = accounts.accounts.list_keys(GROUP, NAME)
row("accounts.list_keys", (32, 32), lambda: (len(keys.key1), len(keys.key2)))
row(
    "accounts.regenerate_key",
    (True, False),
    lambda: (
        (new := accounts.accounts.regenerate_key(GROUP, NAME, "Key2")).key1 == keys.key1,
        new.key2 == keys.key2,
    ),
)

MODEL = {
    "sku": {"name": "GlobalStandard", "capacity": 1},
    "properties": {"model": {"format": "Mistral AI", "name": "Mistral-large-2407", "version": "1"}},
}
row(
    "deployments.begin_create_or_update().result()",
    ("Succeeded", "OnceNewDefaultVersionAvailable", 1),
    lambda: (
        (made := accounts.deployments.begin_create_or_update(GROUP, NAME, "chat", MODEL).result()).properties.provisioning_state,
        made.properties.version_upgrade_option,
        made.sku.capacity,
    ),
)
row("deployments.list", ["chat"], lambda: [item.name for item in accounts.deployments.list(GROUP, NAME)])
row(
    "deployments.begin_update().result(), capacity",
    3,
    lambda: accounts.deployments.begin_update(
        GROUP, NAME, "chat", {"sku": {"name": "GlobalStandard", "capacity": 3}}
    ).result().sku.capacity,
)
row("deployments.begin_delete().result()", None, lambda: accounts.deployments.begin_delete(GROUP, NAME, "chat").result())
row(
    "deployments.get, deleted",
    "ResourceNotFoundError NotFound",
    lambda: accounts.deployments.get(GROUP, NAME, "chat"),
)
accounts.accounts.begin_update(GROUP, NAME, {"properties": {"allowProjectManagement": True}}).result()
PROJECT = {"location": LOCATION, "identity": {"type": "SystemAssigned"}, "properties": {"displayName": "One"}}
row(
    "projects.begin_create().result()",
    (NAME + "/one", "Succeeded", True),
    lambda: (
        (made := accounts.projects.begin_create(GROUP, NAME, "one", PROJECT).result()).name,
        made.properties.provisioning_state,
        made.properties.is_default,
    ),
)
CONNECTION = {"properties": {"authType": "AAD", "category": "AIServices", "target": "https://x.cognitiveservices.azure.com/"}}
row(
    "project_connections.create",
    ("ai", "AAD"),
    lambda: (
        (made := accounts.project_connections.create(GROUP, NAME, "one", "ai", CONNECTION)).name,
        made.properties.auth_type,
    ),
)
row(
    "account_connections.create, a key that is not shown",
    ("ApiKey", None),
    lambda: (
        (made := accounts.account_connections.create(
            GROUP,
            NAME,
            "of-account",
            {"properties": CONNECTION["properties"] | {"authType": "ApiKey", "credentials": {"key": "not-a-secret-of-anyone"}}},
        )).properties.auth_type,
        made.properties.credentials,
    ),
)
row(
    "account_connections.list",
    ["of-account"],
    lambda: [item.name for item in accounts.account_connections.list(GROUP, NAME)],
)
row("account_connections.delete", None, lambda: accounts.account_connections.delete(GROUP, NAME, "of-account"))
row(
    "accounts.begin_delete().result() with a project",
    "ResourceExistsError CannotDeleteResource",
    lambda: accounts.accounts.begin_delete(GROUP, NAME).result(),
)
row("projects.begin_delete().result()", None, lambda: accounts.projects.begin_delete(GROUP, NAME, "one").result())

GRANTS = [("one", USER, ID), ("two", READER, ID), ("three", READER, f"{SCOPE}/resourceGroups/{GROUP}")]
guid = lambda name: str(uuid.uuid5(uuid.NAMESPACE_URL, name))
grant = lambda role: {
    "properties": {"roleDefinitionId": role, "principalId": PRINCIPAL, "principalType": "Group", "description": "models"}
}
for name, role, scope in GRANTS:
    row(
        f"role_assignments.create ({name})",
        (guid(name), scope, role, "Group"),
        lambda: (
            (made := access.role_assignments.create(scope, guid(name), grant(role))).name,
            made.scope,
            made.role_definition_id,
            made.principal_type,
        ),
    )
row(
    "role_assignments.create under another name",
    "ResourceExistsError RoleAssignmentExists",
    lambda: access.role_assignments.create(ID, guid("four"), grant(USER)),
)
row(
    "role_assignments.create again",
    guid("one"),
    lambda: access.role_assignments.create(ID, guid("one"), grant(USER)).name,
)
row(
    "role_assignments.get",
    ("models", PRINCIPAL),
    lambda: ((live := access.role_assignments.get(ID, guid("one"))).description, live.principal_id),
)
names = lambda found: sorted(item.name for item in found)
row(
    "role_assignments.list_for_scope, atScope()",
    sorted(map(guid, ["one", "two", "three"])),
    lambda: names(access.role_assignments.list_for_scope(ID, filter="atScope()")),
)
row(
    "role_assignments.list_for_subscription",
    sorted(map(guid, ["one", "two", "three"])),
    lambda: names(access.role_assignments.list_for_subscription()),
)
row(
    "role_assignments.list_for_scope, principalId eq",
    sorted(map(guid, ["one", "two", "three"])),
    lambda: names(access.role_assignments.list_for_scope(SCOPE, filter=f"principalId eq '{PRINCIPAL}'")),
)
row(
    "role_definitions.list, roleName eq",
    ["Cognitive Services User"],
    lambda: [item.role_name for item in access.role_definitions.list(ID, filter="roleName eq 'cognitive services user'")],
)
row("role_assignments.delete", guid("two"), lambda: access.role_assignments.delete(ID, guid("two")).name)
row("role_assignments.delete, absent", None, lambda: access.role_assignments.delete(ID, guid("two")))
row(
    "role_assignments.get, absent",
    "ResourceNotFoundError RoleAssignmentNotFound",
    lambda: access.role_assignments.get(ID, guid("two")),
)
row(
    "permissions.list_for_resource_group",
    [["*"]],
    lambda: [item.actions for item in access.permissions.list_for_resource_group(GROUP)],
)

# As a program on App Service finds it: an endpoint and a header in the environment.
os.environ |= {"IDENTITY_ENDPOINT": ARM + "/msi/token", "IDENTITY_HEADER": "not-a-secret-of-anyone"}
managed = ManagedIdentityCredential()
row("ManagedIdentityCredential.get_token", True, lambda: len(managed.get_token(ARM + "/.default").token) > 20)
row(
    "accounts.get with a managed identity",
    NAME,
    lambda: CognitiveServicesManagementClient(managed, SUBSCRIPTION, **OPTIONS).accounts.get(GROUP, NAME).name,
)

row("accounts.begin_delete().result()", None, lambda: accounts.accounts.begin_delete(GROUP, NAME).result())
row("deleted_accounts.list", [NAME], lambda: [item.name for item in accounts.deleted_accounts.list()])
row(
    "deleted_accounts.get",
    "Microsoft.CognitiveServices/deletedAccounts",
    lambda: accounts.deleted_accounts.get(LOCATION, GROUP, NAME).type,
)
row(
    "accounts.begin_create over a soft-deleted one",
    "ResourceExistsError FlagMustBeSetForRestore",
    lambda: accounts.accounts.begin_create(GROUP, NAME, ACCOUNT).result(),
)
row(
    "accounts.begin_create, restore",
    ("Succeeded", NAME),
    lambda: (
        (live := accounts.accounts.begin_create(
            GROUP, NAME, {"location": LOCATION, "properties": {"restore": True}}
        ).result()).properties.provisioning_state,
        live.properties.custom_sub_domain_name,
    ),
)
row("accounts.begin_delete().result(), again", None, lambda: accounts.accounts.begin_delete(GROUP, NAME).result())
row(
    "deleted_accounts.begin_purge().result()",
    None,
    lambda: accounts.deleted_accounts.begin_purge(LOCATION, GROUP, NAME).result(),
)
row("deleted_accounts.list, purged", [], lambda: [item.name for item in accounts.deleted_accounts.list()])
