"""Azure as it is and as specs want it, large and with hostile names, in a sandbox; and the pages that keyless makes of it.

In: KEYLESS (the program) and a folder. Out: the pages in that folder, by name.
"""

import base64
import json
import os
import subprocess
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SUBSCRIPTION = "22222222-2222-2222-2222-222222222222"
ACCOUNTS, PRINCIPALS, MEMBERS = 60, 200, 20
ROLES = {
    "Cognitive Services User": "a97b65f3-24c7-4388-baec-2e87135dc908",
    "Cognitive Services OpenAI User": "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd",
    "Cognitive Services OpenAI Contributor": "a001fd3d-188f-4b5d-821b-7da978bf7442",
    "Azure AI Developer": "64702f94-c441-49e6-a78b-ef80e0188fee",
}
# What a page must show as text. Each `leaked` would be a global of the page if any of it ran.
HOSTILE = "<img src=x onerror=leaked=1><script>leaked=1</script>\"'><svg onload=leaked=1> {{7*7}} javascript:leaked=1 \u202egnp.exe"
CUSTOM = "c0570000-0000-4000-8000-000000000001"


def guid(*parts):
    return str(uuid.uuid5(uuid.NAMESPACE_URL, " ".join(map(str, parts))))


def token(name):
    claims = json.dumps({"oid": guid("caller", name), "upn": name})
    return f"e30.{base64.urlsafe_b64encode(claims.encode()).decode().rstrip('=')}.c2ln"


class World:
    """A sandbox that runs until it is left."""

    def __init__(self, keyless, folder):
        self.keyless, self.folder = keyless, Path(folder)
        self.environment = {"PATH": os.environ["PATH"], "KEYLESS_TOKEN": token("platform@contoso.com")}

    def __enter__(self):
        command = [self.keyless, "sandbox", "serve", "--listen", "127.0.0.1:0"]
        self.sandbox = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = self.sandbox.stdout.readline().removeprefix("listening on ").strip().rstrip("/")
        return self

    def __exit__(self, *_):
        self.sandbox.kill()
        self.sandbox.wait()

    def send(self, method, path, body, caller="platform@contoso.com"):
        version = "2022-04-01" if "Microsoft.Authorization" in path else "2025-06-01"
        url = f"{self.url}{path}" + ("" if path.startswith("/_sandbox") else f"?api-version={version}")
        headers = {"authorization": f"Bearer {token(caller)}", "content-type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, method=method, headers=headers)
        # No proxy: it is loopback.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as answer:
            return answer.read()

    def read(self, path):
        return json.loads(self.send("GET", path, None))

    def grant(self, scope, role, principal, kind, caller="platform@contoso.com", **more):
        definition = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}"
        properties = {"roleDefinitionId": definition, "principalId": principal, "principalType": kind, **more}
        name = guid(scope, role, principal)
        path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
        self.send("PUT", path, {"properties": properties}, caller)
        return path

    def run(self, arguments, page):
        """A run of keyless that leaves its page; gives the exit code."""
        command = [self.keyless, *arguments, "--arm-endpoint", self.url, "--report", f"html={page}", "--quiet"]
        ended = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300)
        if not (self.folder / page).exists():
            raise SystemExit(f"{' '.join(arguments)} left no page:\n{ended.stdout}{ended.stderr}")
        return ended.returncode


def principals():
    """Each with its id, kind and name."""
    for number in range(PRINCIPALS):
        kind = "Group" if number % 5 == 0 else "ServicePrincipal" if number % 7 == 0 else "User"
        # Every name is hostile; most begin like a name, so that there is something to type.
        name = f"{kind.lower()}-{number:03d} {HOSTILE}" if number else HOSTILE
        yield guid("principal", number), kind, name


def account(number):
    group = f"rg-{number // 20}"
    path = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.CognitiveServices/accounts"
    return group, f"models-{number:02d}", f"{path}/models-{number:02d}"


def body(number):
    properties = {"customSubDomainName": f"models-{number:02d}", "disableLocalAuth": number % 6 != 0}
    return {
        "location": "eastus2",
        "kind": "AIServices",
        "sku": {"name": "S0"},
        "tags": {"team": HOSTILE},
        "properties": properties,
    }


def fill(world):
    """60 accounts and 200 principals, each of whom can call each: a cell of the matrix is never empty."""
    everyone = list(principals())
    users = [id for id, kind, _ in everyone if kind == "User"]

    def members(number):
        return [users[(number + at) % len(users)] for at in range(MEMBERS)]

    directory = {
        "users": [
            {"id": id, "userPrincipalName": name, "displayName": name} for id, kind, name in everyone if kind == "User"
        ],
        "groups": [
            {"id": id, "displayName": name, "members": members(number)}
            for number, (id, kind, name) in enumerate(everyone)
            if kind == "Group"
        ],
        "servicePrincipals": [
            {"id": id, "displayName": name} for id, kind, name in everyone if kind == "ServicePrincipal"
        ],
    }
    world.send("POST", "/_sandbox/directory", directory)
    custom = {
        "roleName": f"callers {HOSTILE}",
        "type": "CustomRole",
        "permissions": [{"actions": [], "dataActions": ["Microsoft.CognitiveServices/*"]}],
        "assignableScopes": [f"/subscriptions/{SUBSCRIPTION}"],
    }
    definition = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{CUSTOM}"
    world.send("PUT", definition, {"properties": custom})
    accounts = [account(number) for number in range(ACCOUNTS)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: world.send("PUT", accounts[number][2], body(number)), range(ACCOUNTS)))
        roles = list(ROLES.values())
        grants = []
        for number, (id, kind, _) in enumerate(everyone):
            wide = f"/subscriptions/{SUBSCRIPTION}"
            if number % 3:
                groups = [f"{wide}/resourceGroups/rg-{index}" for index in range(3)]
            else:
                groups = [wide]
            role = CUSTOM if number % 11 == 0 else roles[number % len(roles)]
            grants += [(scope, role, id, kind) for scope in groups]
            # Some beside it, on accounts themselves.
            grants += [(accounts[at][2], roles[0], id, kind) for at in range(number % 9, ACCOUNTS, 20)]
        list(pool.map(lambda grant: world.grant(*grant), grants))
    condition = (
        "((!(ActionMatches{'Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action'})) OR "
        "(@Environment[UtcNow] DateTimeLessThan '2030-01-01T00:00:00Z'))"
    )
    world.grant(
        accounts[0][2], roles[1], everyone[3][0], everyone[3][1], condition=condition, conditionVersion="2.0"
    )


SPEC = """version: 1
stack: {stack}
subscription: {subscription}
resourceGroup: {group}
location: eastus2
unmanaged: fail
"""


def spec(stack, numbers, grants):
    """Accounts that exist, with assignments that do not."""
    text = SPEC.format(stack=stack, subscription=SUBSCRIPTION, group=account(numbers[0])[0]) + "accounts:\n"
    for number in numbers:
        text += f"  - name: {account(number)[1]}\n    disableLocalAuth: true\n    tags: {{team: platform}}\n"
        text += "    roleAssignments:\n      - role: Cognitive Services User\n        principals:\n"
        text += "".join(f"          - {{id: {guid('new', at)}, type: User}}\n" for at in range(grants))
    return text


def pages(keyless, folder):
    """Makes every page; gives what each run exited with."""
    folder = Path(folder)
    codes = {}
    with World(keyless, folder) as world:
        fill(world)
        whole = ["--subscription", SUBSCRIPTION]
        codes["access"] = world.run(["access", "--members", *whole], "access.html")
        codes["keys"] = world.run(["keys", "status", *whole], "keys.html")
        for group in range(3):
            numbers = range(group * 20, group * 20 + 20)
            (folder / f"specs-{group}.yaml").write_text(spec(f"team-{group}", numbers, 7))
        codes["plan"] = world.run(["plan", *[f"specs-{group}.yaml" for group in range(3)]], "plan.html")
        (folder / "wrong.yaml").write_text("version: 1\nstack: [\n")
        codes["wrong"] = world.run(["validate", "wrong.yaml"], "wrong.html")
    with World(keyless, folder) as world:
        few(world, folder, codes)
    return codes


def few(world, folder, codes):
    """Three accounts that were applied and then changed by people."""
    users = [
        {"id": guid("caller", name), "userPrincipalName": name, "displayName": name}
        for name in ("bob@contoso.com", "mallory@contoso.com", "platform@contoso.com")
    ]
    groups = [{"id": guid("new", 0), "displayName": "ml-developers", "members": [guid("new", 1)]}]
    world.send("POST", "/_sandbox/directory", {"users": users, "groups": groups})
    text = SPEC.format(stack="ml-platform", subscription=SUBSCRIPTION, group="rg-0") + "accounts:\n"
    for number in range(3):
        text += f"""  - name: {account(number)[1]}
    disableLocalAuth: true
    tags: {{team: ml, cost-center: "4711"}}
    networkAcls: {{defaultAction: Deny, ipRules: [203.0.113.0/24, 198.51.100.7]}}
    roleAssignments:
      - role: Cognitive Services User
        principals:
          - {{id: {guid("new", 0)}, type: Group}}
          - {{id: {guid("caller", "platform@contoso.com")}, type: User}}
      - role: Cognitive Services OpenAI User
        principals: [{{id: {guid("new", number + 5)}, type: ServicePrincipal}}]
"""
    (folder / "few.yaml").write_text(text)
    codes["applied"] = world.run(["apply", "few.yaml", "--yes", "--allow", "grant"], "applied.html")
    paths = [account(number)[2] for number in range(3)]
    world.send("PATCH", paths[0], {"properties": {"disableLocalAuth": False}}, "bob@contoso.com")
    rules = {"defaultAction": "Allow", "ipRules": [{"value": "203.0.113.0/24"}, {"value": "192.0.2.0/24"}]}
    world.send("PATCH", paths[1], {"properties": {"networkAcls": rules}, "tags": {"team": HOSTILE}}, "mallory@contoso.com")
    user = ROLES["Cognitive Services OpenAI User"]
    world.grant(paths[0], user, guid("caller", "mallory@contoso.com"), "User", "mallory@contoso.com")
    world.grant(paths[1], user, guid("caller", "mallory@contoso.com"), "User", "mallory@contoso.com", description=HOSTILE)
    assignments = f"{paths[2]}/providers/Microsoft.Authorization/roleAssignments"
    for made in world.read(assignments)["value"]:
        if made["properties"]["scope"].lower() == paths[2].lower():
            world.send("DELETE", made["id"], None, "bob@contoso.com")
    codes["drift"] = world.run(["drift", "few.yaml"], "drift.html")
    codes["few"] = world.run(["plan", "few.yaml"], "few.html")
    codes["three"] = world.run(["access", "few.yaml"], "three.html")


if __name__ == "__main__":
    import sys

    print(pages(sys.argv[1], sys.argv[2]))
