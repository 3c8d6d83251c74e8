"""The tutorial's own program against the sandbox: refused before the role, answered after it, refused with a key.

In: the environment that clients.sh makes; TUTORIAL_DONE tells that keyless has applied the tutorial's spec, else this
sets the account up by calls of ARM. Out: rows of the table.
"""

import base64
import json
import os
import ssl
import urllib.request
import uuid

from azure.ai.inference import ChatCompletionsClient, EmbeddingsClient
from azure.ai.inference.models import SystemMessage, UserMessage
from azure.core.credentials import AzureKeyCredential
from azure.identity import ClientSecretCredential, get_bearer_token_provider
from openai import AzureOpenAI, OpenAI

from checks import ARM, CA, CLIENT_ID, CLIENT_SECRET, SUBSCRIPTION, TENANT
from checks import check as checked

# The tutorial's names.
GROUP, NAME = os.environ["TUTORIAL_GROUP"], os.environ["TUTORIAL_ACCOUNT"]
CHAT, EMBEDDINGS = os.environ["TUTORIAL_CHAT"], os.environ["TUTORIAL_EMBEDDINGS"]
SCOPE = "https://cognitiveservices.azure.com/.default"
ID = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.CognitiveServices/accounts/{NAME}"
)
USER = "/providers/Microsoft.Authorization/roleDefinitions/a97b65f3-24c7-4388-baec-2e87135dc908"
# Where the account's hosts are in a sandbox that has one address.
HERE = f"{ARM}/_data/{NAME}"
# OpenAI's client speaks through httpx.
os.environ["SSL_CERT_FILE"] = CA


def check(what, expected, call):
    def coded():
        try:
            return call()
        except Exception as error:
            body = getattr(error, "body", None)
            code = body.get("code") if isinstance(body, dict) else getattr(getattr(error, "error", None), "code", None)
            status = getattr(error, "status_code", None)
            if status is None:
                raise
            return f"{status} {code}"

    return checked("tutorial", what, expected, coded)


def arm(method, path, body=None, version="2025-06-01"):
    """A call of ARM, with any token: the sandbox's owner."""
    request = urllib.request.Request(
        f"{ARM}{path}?api-version={version}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": "Bearer any", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=CA)) as response:
        text = response.read()
    return json.loads(text) if text else None


credential = ClientSecretCredential(
    TENANT, CLIENT_ID, CLIENT_SECRET, authority=ARM, disable_instance_discovery=True
)
# Whom the role is for.
token = credential.get_token(SCOPE).token.split(".")[1]


principal = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))["oid"]

if "TUTORIAL_DONE" not in os.environ:
    arm(
        "PUT",
        ID,
        {
            "location": "eastus2",
            "kind": "AIServices",
            "sku": {"name": "S0"},
            "properties": {"customSubDomainName": NAME, "disableLocalAuth": True},
        },
    )
    for name, format, model, version in [
        (CHAT, "Mistral AI", "Mistral-large-2407", "1"),
        (EMBEDDINGS, "OpenAI", "text-embedding-3-small", "1"),
    ]:
        arm(
            "PUT",
            f"{ID}/deployments/{name}",
            {
                "sku": {"name": "GlobalStandard", "capacity": 1},
                "properties": {"model": {"format": format, "name": model, "version": version}},
            },
        )

chat = ChatCompletionsClient(endpoint=f"{HERE}/models", credential=credential, credential_scopes=[SCOPE])
embeddings = EmbeddingsClient(endpoint=f"{HERE}/models", credential=credential, credential_scopes=[SCOPE])
openai = AzureOpenAI(
    azure_endpoint=HERE,
    azure_ad_token_provider=get_bearer_token_provider(credential, SCOPE),
    api_version="2024-10-21",
    max_retries=0,
)
general = OpenAI(base_url=f"{HERE}/openai/v1/", api_key=get_bearer_token_provider(credential, SCOPE)(), max_retries=0)

QUESTION = [
    SystemMessage("You are a helpful assistant."),
    UserMessage("Explain Riemann's conjecture in 1 paragraph"),
]
ASKED = [{"role": "user", "content": "Explain Riemann's conjecture in 1 paragraph"}]


def complete():
    response = chat.complete(messages=QUESTION, model=CHAT)
    return response.choices[0].message.role, bool(response.choices[0].message.content), response.usage.total_tokens > 0


def openai_complete(client=openai):
    response = client.chat.completions.create(model=CHAT, messages=ASKED)
    return response.choices[0].message.role, bool(response.choices[0].message.content), response.usage.total_tokens > 0


check("azure-ai-inference before the role", "401 PermissionDenied", complete)
check("openai before the role", "401 PermissionDenied", openai_complete)
arm(
    "PUT",
    f"{ID}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}",
    {"properties": {"roleDefinitionId": USER, "principalId": principal, "principalType": "ServicePrincipal"}},
    "2022-04-01",
)
check("azure-ai-inference after the role", ("assistant", True, True), complete)
check("openai after the role", ("assistant", True, True), openai_complete)
check("openai's general route after the role", ("assistant", True, True), lambda: openai_complete(general))
check(
    "azure-ai-inference embeddings",
    (2, 1536),
    lambda: (
        len((response := embeddings.embed(input=["one", "two"], model=EMBEDDINGS)).data),
        len(response.data[0].embedding),
    ),
)
check(
    "openai embeddings",
    (2, 1536),
    lambda: (
        len((response := openai.embeddings.create(model=EMBEDDINGS, input=["one", "two"])).data),
        len(response.data[0].embedding),
    ),
)
check("openai, no such deployment", "404 DeploymentNotFound", lambda: openai.chat.completions.create(model="none", messages=ASKED))
check(
    "azure-ai-inference, a token for another service",
    "401 401",
    lambda: ChatCompletionsClient(
        endpoint=f"{HERE}/models", credential=credential, credential_scopes=["https://ai.azure.com/.default"]
    ).complete(messages=QUESTION, model=CHAT),
)
key = "0" * 32
check(
    "azure-ai-inference with a key",
    "403 AuthenticationTypeDisabled",
    lambda: ChatCompletionsClient(endpoint=f"{HERE}/models", credential=AzureKeyCredential(key)).complete(
        messages=QUESTION, model=CHAT
    ),
)
check(
    "openai with a key",
    "403 AuthenticationTypeDisabled",
    lambda: openai_complete(
        AzureOpenAI(azure_endpoint=HERE, api_key=key, api_version="2024-10-21", max_retries=0)
    ),
)
