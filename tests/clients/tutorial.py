"""The tutorial's own program against the sandbox: refused before the role, answered after it, refused with a key.

In: the environment that clients.sh makes; KEYLESS and SPEC, the tutorial's spec, which keyless applies: as it stands, its
role is somebody else's; then with this program's principal. Out: rows of the table.
"""

import base64
import json
import os
import re
import ssl
import subprocess
import urllib.request

from azure.ai.inference import ChatCompletionsClient, EmbeddingsClient
from azure.ai.inference.models import SystemMessage, UserMessage
from azure.core.credentials import AzureKeyCredential
from azure.identity import ClientSecretCredential, get_bearer_token_provider
from openai import AzureOpenAI, OpenAI

from checks import ARM, CA, CLIENT_ID, CLIENT_SECRET, TENANT
from checks import check as checked

# The tutorial's names, as its spec has them.
SUBSCRIPTION, GROUP, NAME = "11111111-2222-4333-8444-555555555555", "rg-ai-tutorial", "keyless-tutorial"
CHAT, EMBEDDINGS = "mistral-large", "embeddings"
SCOPE = "https://cognitiveservices.azure.com/.default"
ID = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.CognitiveServices/accounts/{NAME}"
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


def apply(spec):
    """The exit code of `keyless apply`, and what it said if that is not 0."""
    path = os.path.join(os.environ["WORK"], "tutorial.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(spec)
    done = subprocess.run(
        [os.environ["KEYLESS"], "apply", path, "--yes", "--arm-endpoint", ARM],
        env=os.environ | {"KEYLESS_TOKEN": "any"},
        capture_output=True,
        text=True,
        check=False,
    )
    return 0 if done.returncode == 0 else (done.returncode, done.stdout + done.stderr)


credential = ClientSecretCredential(TENANT, CLIENT_ID, CLIENT_SECRET, authority=ARM, disable_instance_discovery=True)
claims = credential.get_token(SCOPE).token.split(".")[1]
principal = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["oid"]
with open(os.environ["SPEC"], encoding="utf-8") as file:
    tutorial = file.read()
ours, places = re.subn(r"(- id: )\S+(.*\n\s+type: )User", rf"\g<1>{principal}\g<2>ServicePrincipal", tutorial)

check("keyless apply specs/tutorial.yaml", 0, lambda: apply(tutorial))
# A second deployment, made by hand.
arm(
    "PUT",
    f"{ID}/deployments/{EMBEDDINGS}",
    {
        "sku": {"name": "GlobalStandard", "capacity": 1},
        "properties": {"model": {"format": "OpenAI", "name": "text-embedding-3-small", "version": "1"}},
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


def said(response):
    message = response.choices[0].message
    return message.role == "assistant", bool(message.content), response.usage.total_tokens > 0


def complete():
    response = chat.complete(messages=QUESTION, model=CHAT)
    return said(response)


def openai_complete(client=openai):
    response = client.chat.completions.create(model=CHAT, messages=ASKED)
    return said(response)


check("azure-ai-inference before the role", "401 PermissionDenied", complete)
check("openai before the role", "401 PermissionDenied", openai_complete)
check("keyless apply, the role is this program's", (1, 0), lambda: (places, apply(ours)))
check("azure-ai-inference after the role", (True, True, True), complete)
check("openai after the role", (True, True, True), openai_complete)
check("openai's general route after the role", (True, True, True), lambda: openai_complete(general))
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
    # Azure's answer has no code: https://github.com/Azure/azure-sdk-for-python/issues/40260.
    "401 None",
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
