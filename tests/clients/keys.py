"""Two OpenAI clients while the keys of their account are retired: one has a key, the other tokens, and keyless tells them apart.

In: the environment that clients.sh makes. Out: rows of the table. The months pass on the sandbox's clock.
"""

import base64
import json
import os
import ssl
import subprocess
import urllib.request

from azure.identity import ClientSecretCredential, get_bearer_token_provider
from openai import AzureOpenAI, OpenAI

from checks import ARM, CA, CLIENT_ID, CLIENT_SECRET, SUBSCRIPTION, TENANT
from checks import check as checked

NAME, MODEL = "keyless-keys", "gpt-4o"
SCOPE = "https://cognitiveservices.azure.com/.default"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-keys"
ID = f"{GROUP}/providers/Microsoft.CognitiveServices/accounts/{NAME}"
HERE = f"{ARM}/_data/{NAME}"
SPEC = os.path.join(os.environ["WORK"], "keys.yaml")
# OpenAI's client speaks through httpx.
os.environ["SSL_CERT_FILE"] = CA


def check(what, expected, call):
    def coded():
        try:
            return call()
        except Exception as error:
            status, body = getattr(error, "status_code", None), getattr(error, "body", None)
            if status is None:
                raise
            return f"{status} {body.get('code') if isinstance(body, dict) else None}"

    return checked("keys", what, expected, coded)


def send(method, path, body=None):
    """A call of the sandbox, with any token: its owner."""
    request = urllib.request.Request(
        f"{ARM}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": "Bearer any", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=CA)) as response:
        text = response.read()
    return json.loads(text) if text else None


def keyless(*arguments, **environment):
    return subprocess.run(
        [os.environ["KEYLESS"], *arguments, "--arm-endpoint", ARM],
        env=os.environ | {"KEYLESS_TOKEN": "any"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def ends(words, *arguments, **environment):
    """The exit code, and whether it says this; else all that it says."""
    done = keyless(*arguments, **environment)
    said = done.stdout + done.stderr
    return (done.returncode, True) if words in said else (done.returncode, said)


def sign_in():
    """A new credential: the tokens of an old one have ended after a month."""
    return ClientSecretCredential(TENANT, CLIENT_ID, CLIENT_SECRET, authority=ARM, disable_instance_discovery=True)


def write(disable):
    with open(SPEC, "w", encoding="utf-8") as file:
        file.write(
            f"""version: 1
stack: keys
subscription: {SUBSCRIPTION}
resourceGroup: rg-keys
location: eastus2
accounts:
  - name: {NAME}
    disableLocalAuth: {disable}
    keyUsage: {{quietDays: 35}}
    roleAssignments:
      - {{role: Cognitive Services User, principals: [{{id: {principal}, type: ServicePrincipal}}]}}
    deployments:
      - name: {MODEL}
        model: {{format: OpenAI, name: gpt-4o, version: "2024-11-20"}}
        sku: {{name: GlobalStandard, capacity: 1}}
"""
        )


def answered(client):
    asked = [{"role": "user", "content": "Explain Riemann's conjecture in 1 paragraph"}]
    return bool(client.chat.completions.create(model=MODEL, messages=asked).choices[0].message.content)


def with_key():
    return answered(AzureOpenAI(azure_endpoint=HERE, api_key=key, api_version="2024-10-21", max_retries=0))


def with_token():
    provider = get_bearer_token_provider(sign_in(), SCOPE)
    return answered(
        AzureOpenAI(azure_endpoint=HERE, azure_ad_token_provider=provider, api_version="2024-10-21", max_retries=0)
    )


def moved():
    """The client that had the key, on the general route and with a token."""
    return answered(OpenAI(base_url=f"{HERE}/openai/v1/", api_key=sign_in().get_token(SCOPE).token, max_retries=0))


def usage():
    account = json.loads(keyless("keys", "usage", SPEC, "--format", "json").stdout)["accounts"][0]
    return account["statement"], [(calls["how"], calls["calls"], len(calls["callers"])) for calls in account["calls"]]


def pass_days(days):
    send("POST", "/_sandbox/clock", {"advanceSeconds": days * 24 * 3600})


claims = sign_in().get_token(SCOPE).token.split(".")[1]
principal = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["oid"]
write("false")
check("keyless apply, keys are on", (0, True), lambda: ends("done", "apply", SPEC, "--yes"))
send(
    "PUT",
    f"{ID}/providers/Microsoft.Insights/diagnosticSettings/requests?api-version=2021-05-01-preview",
    {
        "properties": {
            "workspaceId": f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/logs",
            "logs": [{"category": "RequestResponse", "enabled": True}],
        }
    },
)
send("POST", "/_sandbox/monitor", {"account": ID, "logs": {"retentionDays": 90}})
key = send("POST", f"{ID}/listKeys?api-version=2025-06-01")["key1"]

check("openai with a key", True, with_key)
check("openai with a token", True, with_token)
check("keys usage tells them apart", ("keys are used", [("key", 1, 0), ("token", 1, 1)]), usage)
write("true")
check("apply refuses to turn keys off", (3, True), lambda: ends("keys are used: 1 call", "apply", SPEC, "--yes"))
pass_days(20)
check("the client with the key has moved to tokens", True, moved)
check("and is no different from the other", True, with_token)
check("apply refuses before the quiet days are over", (3, True), lambda: ends("guard-key-use", "apply", SPEC, "--yes"))
pass_days(16)
check("keys usage after the quiet days", ("no key call seen in 35 of 35 days", [("token", 2, 1)]), usage)
check("apply turns keys off", (0, True), lambda: ends("no key call seen in 35 of 35 days", "apply", SPEC, "--yes"))
check(
    "verify proves it",
    (0, True),
    lambda: ends(
        "keys are refused: AuthenticationTypeDisabled",
        *("verify", SPEC, "--verify-wait", "0"),
        KEYLESS_VERIFY_TOKEN=sign_in().get_token(SCOPE).token,
    ),
)
check("openai with the key", "403 AuthenticationTypeDisabled", with_key)
check("openai with a token, as before", True, with_token)
