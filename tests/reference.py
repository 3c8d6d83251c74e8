#!/usr/bin/env python3
"""What a plan must say, computed a second time and independently.

Written from the design page alone, without looking at the Rust sources: it is the oracle that the planner is compared with. It
reads cases as JSON lines and writes one JSON line for each: the changes as [action, key, sorted changed paths], and the codes of
the guards that refuse the plan. Python's standard library only.

A case: {"specs": [spec tree, ...], "live": {"accounts": [ARM body, ...], "roleAssignments": [...], "deletedAccounts": [...]},
"shownBy": {assignment id in lower case: [scope, ...]}, "gone": [principal in lower case, ...], "today": "2026-11-26", "missingGroups": [id, ...], "unreadable": {"accounts": [scope, ...], "roleAssignments": [scope, ...]}, "partial": [subscription, ...], "caller": object id or null}:
`live` is all that the answers show, `shownBy` the scopes whose lists showed an assignment, `gone` whom the directory does not know, `unreadable` the scopes of which no answer came, `partial` what was read in parts instead of whole. Principals are object ids. The first argument
is a file of role definitions.

What the design leaves open, and what is decided here:
 1. `refused`: something declared that bears another stack's mark (no paths are told then); a change of an immutable field: kind,
    location, storage of one's own, a custom subdomain that exists (adding the first is an update), a principal's type; a new account in a group that is not
    there, or under the name of a soft-deleted one; keys that go off, and nothing else of the account, while a declared assignment on it, in it or above it is
    refused or unknown (other fields are written, and keys stay on); a new assignment on a new account that is itself refused, or unknown likewise.
 2. `adopt` is a mark and nothing else; if fields differ too it is an `update`. Without `adopt: true` an unmarked thing stays unmarked.
 3. The domain: everything in the resource groups that the spec names, and exactly the scopes that it declares.
 4. `prune: none` lists as `unmanaged` what would be deleted, and so does an incomplete list of that kind in the same subscription.
    A mark of a stack that is not in the run hides nothing: it counts as no mark. What bears a mark of the run outside of the stack's
    domain is never deleted; whether it is worth a line is left open (`unmanaged?`).
 5. What nobody declared is worth a line if it is an account in a domain, or an assignment at a declared scope, a named group, at or
    below a declared account, or one of a guarded role in a named group. Unless its stack says `unmanaged: list`, such a line is drift
    for an assignment at or below an account that declares its `roleAssignments` (what stands in an account is taken for part of it),
    and for one of a guarded role in a group of the stack. A mark does not excuse from that, nor does `prune: none`: the element is
    beside a declared list all the same. Never drift, and listed: whose principal the directory does not know, but for groups of another
    tenant, which no directory here can know; an inference role of the account's own identity there; what `expected` names until its day, on the
    account in which it stands or in all groups of the stack, for that stack alone: another stack that declares the account, or names the group
    too, has to expect it itself. `comanaged`: the account names the mark's team, by whom it was made and
    last written, and the role, which is not guarded.
 6. `deletes` counts 10, and 30 % of the marked things in its domain, for each stack by itself. `delete-list` refuses deletes from a list that a
    spec leaves out while what it stands on stays: an account's `roleAssignments`, unless an entry elsewhere names the account as its scope,
    and the file's own for all other scopes. An empty list is no list left out.
 7. `lock-out` compares before and after: somebody could call (keys on, or a role with any call of a model at or above), afterwards nobody
    surely can: no case deploys anything, so that takes a role with a call that most models take.
    A new account locks nobody out. What stands on a management group holds in the subscriptions whose lists show it; taking it away
    is taken to matter everywhere. The caller's rights to write each kind, and to revoke, count apart.
 8. A role that is not in the file might do anything: giving it needs the guard's leave, and it is no right to rely on.
 9. A range that the old ones cover together is not new. Where every address could call before (public, and `Allow`), no range, subnet
    or bypass lets anybody new in. What a missing `bypass` means is not known: none before, all after a `None` that is taken away. Hosts
    count where calls were limited before. Agents that leave a subnet leave its limits. A restore is measured against what was deleted.
10. `condition`: a role given anew that somebody has under another condition above, below or at that scope counts as a changed condition,
    unless that principal had the role there without a condition, or with that one, already. So does another role that gives some of what
    that condition keeps away from the principal, and that it did not have otherwise.
11. A grant under a condition is a way in only where the condition certainly lets calls through: it speaks of other actions alone. What
    was made by hand on an account that declares its list, and that the plan lists as undeclared, is none either, nor is the account's own.
12. What stands on a management group is a way into accounts below it that nobody lists: it goes, or gets a condition, only where another
    stays there or above, for somebody who is no service.
"""

import ipaddress
import json
import re
import sys

MARK = re.compile(r"\s*\[keyless:([^\]]*)\]\s*$")
TAG = "keyless-stack"
ABSENT = {
    "disableLocalAuth": False, "allowProjectManagement": False, "restrictOutboundNetworkAccess": False,
    "publicNetworkAccess": "Enabled", "allowedFqdnList": [], "userOwnedStorage": [], "networkInjections": [],
}
ELEMENTS = {"userOwnedStorage": "resourceId", "networkInjections": "scenario"}
NETWORK_ABSENT = {"defaultAction": "Allow", "ipRules": [], "virtualNetworkRules": []}
ACCOUNT_PROPERTIES = ("customSubDomainName", *ABSENT)
# What most models are called by; a right to rely on where it is not known what is deployed.
ACCOUNTS = "Microsoft.CognitiveServices/accounts/"
USUAL = tuple(ACCOUNTS + call for call in (
    "OpenAI/deployments/chat/completions/action", "OpenAI/deployments/embeddings/action", "MaaS/chat/completions/action",
))
# With each of these some model can be called; one of them lets somebody in.
CALLS = USUAL + tuple(ACCOUNTS + call for call in (
    "OpenAI/responses/write", "OpenAI/deployments/completions/action", "OpenAI/images/generations/action", "OpenAI/deployments/audio/action",
    "OpenAI/deployments/realtime/action", "OpenAI/deployments/search/action", "OpenAI/deployments/extensions/chat/completions/action",
    "OpenAI/engines/completions/action", "OpenAI/engines/generate/action", "OpenAI/engines/search/action",
    "OpenAI/video/generations/*/action", "OpenAI/assistants/threads/runs/write", "OpenAI/batch-jobs/write",
    "MaaS/*", "MaaS/embeddings/action", "MaaS/images/embeddings/action", "MaaS/images/generations/action",
    "AIServices/providers/action", "AIServices/agents/write",
))
GRANT = "Microsoft.Authorization/roleAssignments/write"
WRITE = "Microsoft.CognitiveServices/accounts/write"
# What the caller has to be allowed to do so that a later plan can be carried out.
WRITES = (
    GRANT, WRITE, "Microsoft.Authorization/roleAssignments/delete",
    *(f"Microsoft.CognitiveServices/accounts/{child}/write" for child in ("connections", "deployments", "projects", "projects/connections", "raiPolicies")),
)
# With each of these somebody could get more than was given.
POWERS = (
    GRANT, WRITE,
    "Microsoft.Authorization/roleDefinitions/write",
    "Microsoft.Authorization/roleAssignmentScheduleRequests/write",
    "Microsoft.Authorization/roleEligibilityScheduleRequests/write",
    "Microsoft.Authorization/roleManagementPolicies/write",
    "Microsoft.Authorization/elevateAccess/action",
    "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
    "Microsoft.ManagedIdentity/userAssignedIdentities/x/assign/action",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write",
    "Microsoft.Resources/deploymentScripts/write",
    "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/write",
)

# accounts whose service is no model: where its data actions stand
SERVICES = {"textanalytics": ("language", "textanalytics", "conversationallanguageunderstanding", "languageauthoring")}
# *Cognitive Services User* and *Cognitive Services Language Reader*.
SERVICE_ROLES = {"textanalytics": ("a97b65f3-24c7-4388-baec-2e87135dc908", "7628b7b8-a8b2-4cdc-b46f-e9b35248918e")}

def low(text):
    return (text or "").lower()
def last(text):
    return low(text).rstrip("/").rsplit("/", 1)[-1]

# roles
def wildcard(pattern, action):
    """Whether a role's pattern covers an action; `*` stands for anything, slashes too; letters' case does not count."""
    return re.fullmatch(".*".join(re.escape(part) for part in low(pattern).split("*")), low(action)) is not None

class Roles:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            listed = json.load(file)
        self.permissions = {last(role["id"]): role["properties"]["permissions"] for role in listed}
        self.by_name = {low(role["properties"]["roleName"]): last(role["id"]) for role in listed}
    def guid(self, name):
        return self.by_name.get(low(name)) or last(name)
    def permits(self, guid, action, data):
        yes, no = ("dataActions", "notDataActions") if data else ("actions", "notActions")
        if guid not in self.permissions:
            return not data
        covered = lambda patterns: any(wildcard(pattern, action) for pattern in patterns or [])
        return any(covered(block.get(yes)) and not covered(block.get(no)) for block in self.permissions[guid])
    def guarded(self, guid):
        """Whether its holder could get more with it."""
        return any(self.permits(guid, action, False) for action in POWERS)
    def shared(self, one, other):
        """What two roles both let their holders do, as far as conditions can keep it away: actions on data, and rights that become more."""
        data = {p for guid in (one, other) for block in self.permissions[guid] for p in block.get("dataActions") or []}
        actions = [(action, False) for action in POWERS] + [(action, True) for action in data | {*CALLS}]
        return [(a, d) for a, d in actions if self.permits(one, a, d) and self.permits(other, a, d)]
    def infers(self, guid):
        """Whether its holder may call some model."""
        return any(self.permits(guid, action, True) for action in CALLS)
    def serves(self, guid, kind):
        """Whether its holder may call what an account of a kind serves: some model, or its service with anything but reads and deletes."""
        areas = SERVICES.get(low(kind))
        if areas is None:
            return self.infers(guid)
        def calls(block, pattern):
            pattern = low(pattern)
            if pattern.endswith(("/read", "/delete")):
                return False
            area = pattern.removeprefix(low(ACCOUNTS)).split("/")[0] if pattern.startswith(low(ACCOUNTS)) else "*"
            tried = [pattern] if "*" not in area and area in areas else [low(ACCOUNTS) + a + "/call/action" for a in areas if "*" in area]
            excluded = lambda action: any(wildcard(no, action) for no in block.get("notDataActions") or [])
            return any(wildcard(pattern, action) and not excluded(action) for action in tried)
        return any(calls(block, pattern) for block in self.permissions[guid] for pattern in block.get("dataActions") or [])
    def surely_serves(self, guid, kind):
        """Whether its holder can surely call a service: by a role that is meant for that, or by everything in all its areas."""
        alls = lambda area: (low(ACCOUNTS) + area + "/*", low(ACCOUNTS) + "*", "microsoft.cognitiveservices/*", "*")
        whole = lambda block, area: any(low(p) in alls(area) for p in block.get("dataActions") or [])
        every = lambda block: not block.get("notDataActions") and all(whole(block, area) for area in SERVICES[low(kind)])
        return guid in SERVICE_ROLES[low(kind)] or any(every(block) for block in self.permissions[guid])
    def surely_infers(self, guid):
        """Whether its holder can make the calls that most models take."""
        return any(self.permits(guid, action, True) for action in USUAL)

# scopes
def within(scope, outer):
    scope, outer = low(scope).rstrip("/"), low(outer).rstrip("/")
    return scope == outer or scope.startswith(outer + "/")
def above_group(scope):
    """Subscription scope or above: also management groups and the root."""
    parts = [part for part in low(scope).split("/") if part]
    return parts[:1] != ["subscriptions"] or len(parts) <= 2
def above_all(scope):
    """Outside of every subscription."""
    return not low(scope).startswith("/subscriptions/")

# the spec
def group_id(subscription, group):
    return f"/subscriptions/{subscription}/resourceGroups/{group}"

def desired(spec, roles):
    """Accounts and assignments that one spec declares, and its domain."""
    subscription = spec["subscription"]
    accounts, assignments, groups, scopes, named = [], [], set(), set(), set()
    if spec.get("resourceGroup"):
        groups.add(low(group_id(subscription, spec["resourceGroup"])))
    def assign(scope, entry):
        scopes.add(low(scope).rstrip("/"))
        for principal in entry["principals"]:
            guid = roles.guid(entry["role"])
            key = (low(scope).rstrip("/"), low(principal["id"]), guid)
            assignments.append({"key": key, "type": principal.get("type"), "entry": entry, "spec": spec})
    for account in spec.get("accounts") or []:
        group = group_id(subscription, account.get("resourceGroup") or spec.get("resourceGroup"))
        groups.add(low(group))
        scope = f"{group}/providers/Microsoft.CognitiveServices/accounts/{account['name']}"
        accounts.append({"key": low(scope), "account": account, "location": account.get("location") or spec.get("location"), "spec": spec})
        for entry in account.get("roleAssignments") or []:
            assign(scope, entry)
    for entry in spec.get("roleAssignments") or []:
        scope = {"resourceGroup": group_id(subscription, spec.get("resourceGroup")), "subscription": f"/subscriptions/{subscription}"}
        at = low(scope.get(entry["scope"], entry["scope"])).rstrip("/")
        # Of an account that the spec holds its own list speaks.
        if not entry["principals"] or at not in {item["key"] for item in accounts}:
            named.add(at)
        assign(scope.get(entry["scope"], entry["scope"]), entry)
    return {"stack": spec["stack"], "spec": spec, "accounts": accounts, "assignments": assignments, "groups": groups, "scopes": scopes, "named": named}

# fields of an account
def address_set(rules):
    texts = (rule if isinstance(rule, str) else rule["value"] for rule in rules or [])
    return sorted(str(ipaddress.ip_network(text, strict=False)) for text in texts)

def same_elements(want, have, identity):
    """As many, each found by its identity and with every sub-field that is declared of it; false and absent are the same."""
    live = {low(rule[identity]): rule for rule in have or []}
    if len(want or []) != len(have or []) or any(low(rule[identity]) not in live for rule in want or []):
        return False
    for rule in want or []:
        for field, value in rule.items():
            found = live[low(rule[identity])].get(field)
            if field != identity and (value or None) != (found or None) and (not isinstance(value, str) or low(value) != low(found)):
                return False
    return True

def same_field(field, want, have):
    want, have = (ABSENT.get(field) if value is None else value for value in (want, have))
    if field == "allowedFqdnList":
        return sorted(map(low, want)) == sorted(map(low, have))
    if field in ELEMENTS:
        return same_elements(want, have, ELEMENTS[field])
    return low(want) == low(have) if field == "customSubDomainName" else want == have

def same_identity(want, live):
    """What is not said of system-assigned or user-assigned identities does not count."""
    live = live or {}
    if want == "None" or want is None:
        want = {"systemAssigned": False, "userAssigned": []}
    elif isinstance(want, str):
        want = {"systemAssigned": True}
    system, users = want.get("systemAssigned"), want.get("userAssigned")
    names = sorted(low(name) for name in live.get("userAssignedIdentities") or {})
    has = "systemassigned" in low(live.get("type"))
    return (system is None or system == has) and (users is None or sorted(map(low, users)) == names)
def leaves(prefix, want, have, paths):
    """A map merges key by key; `null` clears."""
    for name, value in want.items():
        path, old = f"{prefix}/{name}", (have or {}).get(name)
        if isinstance(value, dict):
            leaves(path, value, old, paths)
        elif value != ("Microsoft.CognitiveServices" if name == "keySource" and old is None else old):
            paths.append(path)

def account_paths(account, location, live):
    """Paths of declared fields that differ from the live body, and those of them that cannot be changed."""
    paths, frozen = [], []
    have = live.get("properties") or {}
    squeeze = lambda text: low(text).replace(" ", "")
    if location and squeeze(location) != squeeze(live.get("location")):
        frozen.append("/location")
    if account.get("kind") and account["kind"] != live.get("kind"):
        frozen.append("/kind")
    if account.get("sku") and account["sku"] != (live.get("sku") or {}).get("name"):
        paths.append("/sku/name")
    if "identity" in account and not same_identity(account["identity"], live.get("identity")):
        paths.append("/identity")
    if account.get("tags") is not None:
        leaves("/tags", account["tags"], live.get("tags"), paths)
    elif "tags" in account and any(name != TAG for name in live.get("tags") or {}):
        paths.append("/tags")
    for field in ACCOUNT_PROPERTIES:
        if field in account and not same_field(field, account[field], have.get(field)):
            never = field == "userOwnedStorage" or (field == "customSubDomainName" and have.get(field))
            (frozen if never else paths).append(f"/properties/{field}")
    if "networkAcls" in account:
        acls = account["networkAcls"]
        want, old = (dict(NETWORK_ABSENT) if acls is None else acls), have.get("networkAcls") or {}
        for name, value in want.items():
            value = NETWORK_ABSENT.get(name) if value is None else value
            before = NETWORK_ABSENT.get(name) if old.get(name) is None else old[name]
            rules, same = name == "virtualNetworkRules", value == before
            if name == "ipRules":
                same = address_set(value) == address_set(before)
            if not (same_elements(value, before, "id") if rules else same):
                paths.append(f"/properties/networkAcls/{name}")
    key = have.get("encryption")
    if key and [name for name, value in key.items() if value is not None] == ["keySource"] and low(key["keySource"]) == "microsoft.cognitiveservices":
        key = None # Azure's own key, as if nothing were said
    if account.get("encryption") is not None:
        leaves("/properties/encryption", account["encryption"], key, paths)
    elif "encryption" in account and key is not None:
        paths.append("/properties/encryption")
    return sorted(paths + frozen), frozen

def creation(account):
    """The account as a new one is sent: safe values for what is omitted."""
    new = {"kind": "AIServices", "sku": "S0", "identity": "SystemAssigned", "customSubDomainName": account["name"], "disableLocalAuth": True}
    return {**new, **account}

def creation_paths(account):
    new, paths = creation(account), ["/identity", "/kind", "/location", "/sku/name"]
    def add(prefix, values):
        for name, value in (values or {}).items():
            if isinstance(value, dict):
                add(f"{prefix}/{name}", value)
            elif value is not None:
                paths.append(f"{prefix}/{name}")
    add("/tags", new.get("tags"))
    add("/properties", {name: new.get(name) for name in ACCOUNT_PROPERTIES + ("networkAcls", "encryption")})
    return sorted(paths)

# fields of an assignment
def mark_of(body):
    if "principalId" in (body.get("properties") or {}):
        found = MARK.search(body["properties"].get("description") or "")
        return found and found.group(1)
    return next((value for name, value in (body.get("tags") or {}).items() if low(name) == TAG), None)
def squash(text):
    """White space does not count, but for what stands in quotes."""
    parts = enumerate((text or "").split("'"))
    return "'".join(part if number % 2 else re.sub(r"\s+", "", part) for number, part in parts)

def lets(condition, action):
    """Whether a condition certainly lets an action through: none, or one about another action alone."""
    spoken = re.match(r"\(\(!\(ActionMatches\{'([^']*)'\}\)\)OR", squash(condition))
    return not condition or (spoken is not None and not wildcard(spoken.group(1), action))
def lets_calls(condition):
    return all(lets(condition, action) for action in USUAL)

def assignment_paths(item, live):
    paths, frozen, have, entry = [], [], live["properties"], item["entry"]
    if low(item["type"]) != low(have.get("principalType")):
        frozen.append("/properties/principalType")
    if "description" in entry and (entry["description"] or "").rstrip() != MARK.sub("", have.get("description") or "").rstrip():
        paths.append("/properties/description")
    if "condition" in entry:
        if squash(entry["condition"]) != squash(have.get("condition")):
            paths.append("/properties/condition")
        if entry["condition"] and have.get("conditionVersion") != "2.0":
            paths.append("/properties/conditionVersion")
    return sorted(paths + frozen), frozen

def assignment_creation_paths(item):
    entry = item["entry"]
    paths = ["/properties/principalType"]
    paths += ["/properties/description"] if entry.get("description") is not None else []
    paths += ["/properties/condition", "/properties/conditionVersion"] if entry.get("condition") else []
    return sorted(paths)

# the plan
def judge(spec, mark, paths, frozen):
    if mark is not None and mark != spec["stack"]:
        return "refused", []
    if frozen:
        return "refused", paths
    if mark is None and spec.get("adopt") and not paths:
        return "adopt", []
    return ("update", paths) if paths else ("noop", [])
def subscription_of(scope):
    return "/".join(low(scope).split("/")[:3])

class Case:
    def __init__(self, case, roles):
        self.roles, self.caller = roles, low(case.get("caller"))
        self.stacks = [desired(spec, roles) for spec in case["specs"]]
        self.accounts = {low(body["id"]): body for body in case["live"]["accounts"]}
        self.grants = {}
        for body in case["live"]["roleAssignments"]:
            p = body["properties"]
            self.grants[(low(p["scope"]).rstrip("/"), low(p["principalId"]), last(p["roleDefinitionId"]))] = body
        self.gone_principals, self.today = set(case["gone"]), case["today"]
        self.shown_by, self.deleted = case["shownBy"], {}
        for body in case["live"]["deletedAccounts"]:
            part = low(body["id"]).split("/")
            group = f"/subscriptions/{part[2]}/resourcegroups/{part[part.index('resourcegroups') + 1]}"
            self.deleted[f"{group}/providers/microsoft.cognitiveservices/accounts/{part[-1]}"] = body
        self.blind = {kind: [low(scope) for scope in scopes] for kind, scopes in case["unreadable"].items()}
        near = {"accounts": [], "roleAssignments": case["partial"]}
        self.incomplete = {kind: {subscription_of(scope) for scope in self.blind[kind] + near[kind]} for kind in near}
        self.missing = [low(group) for group in case["missingGroups"]]
        self.changes, self.declared = {}, {}
        self.owned, self.gone = ({stack["stack"]: 0 for stack in self.stacks} for _ in range(2))
    def hidden(self, kind, scope):
        return any(within(scope, outer) for outer in self.blind[kind])
    def plan(self):
        for stack in self.stacks:
            for item in stack["accounts"]:
                self.declared[item["key"]] = item
                self.changes[item["key"]] = self.account(item)
        for stack in self.stacks:
            own = [item["key"] for item in stack["accounts"]]
            for item in stack["assignments"]:
                self.declared[item["key"]] = item
                self.changes[item["key"]] = self.assignment(item, own)
        for key, (action, paths) in list(self.changes.items()):
            if action == "update" and "/properties/disableLocalAuth" in paths and self.declared[key]["account"].get("disableLocalAuth"):
                if any(fate in ("refused", "unknown") and (within(key, other[0]) or within(other[0], key) or above_all(other[0]))
                       for other, (fate, _) in self.changes.items() if not isinstance(other, str)):
                    self.held_back(key, paths)
        for key, body in list(self.accounts.items()) + list(self.grants.items()):
            self.undeclared(key, body)
        self.hold_deletes()
        codes = self.guards()
        listed = [[action, key if isinstance(key, str) else "|".join(key), paths] for key, (action, paths) in self.changes.items()]
        return {"changes": sorted(listed), "guards": sorted(codes)}
    def hold_deletes(self):
        """No role goes while a declared one near it cannot be made, and no account on which a role stays; nor an account, with all
        that is on it, while its stack declares anything that is not as declared and cannot be made so."""
        grants = {key: fate for key, (fate, _) in self.changes.items() if not isinstance(key, str)}
        missing = [key[0] for key, fate in grants.items() if fate in ("refused", "unknown")]
        near = lambda a, b: within(a, b) or within(b, a) or above_all(a) or above_all(b)
        held = {key for key, fate in grants.items() if fate == "delete" and any(near(key[0], scope) for scope in missing)}
        stack = lambda key: mark_of((self.accounts if isinstance(key, str) else self.grants)[key])
        behind = {self.declared[key]["spec"]["stack"] for key, (fate, _) in self.changes.items()
                  if key in self.declared and fate in ("refused", "unknown")}
        going = [key for key, (fate, _) in self.changes.items() if fate == "delete"]
        for key in [key for key in going if isinstance(key, str)]:
            if stack(key) in behind or any(within(grant[0], key) for grant in held if not isinstance(grant, str)):
                held |= {key} | {other for other in going if not isinstance(other, str) and within(other[0], key)}
        for key in held:
            self.changes[key] = ("refused", [])
            self.gone[stack(key)] -= 1
    def held_back(self, key, paths):
        """Keys stay on; the rest of the account's fields is written all the same."""
        item, rest = self.declared[key], [path for path in paths if path != "/properties/disableLocalAuth"]
        adopts = mark_of(self.accounts[key]) is None and item["spec"].get("adopt")
        self.changes[key] = ("update", rest) if rest else ("adopt", []) if adopts else ("refused", paths)
        self.declared[key] = {**item, "account": {name: value for name, value in item["account"].items() if name != "disableLocalAuth"}}
    def account(self, item):
        key, spec = item["key"], item["spec"]
        body, remains = self.accounts.get(key), self.deleted.get(key)
        wish = spec.get("onSoftDeleted", "fail")
        if body is not None:
            return judge(spec, mark_of(body), *account_paths(item["account"], item["location"], body))
        if self.hidden("accounts", key):
            return "unknown", []
        if any(within(key, group) for group in self.missing) or (remains and wish == "fail"):
            return "refused", creation_paths(item["account"])
        if remains and wish == "restore":
            action, paths = judge(spec, mark_of(remains), *account_paths(item["account"], item["location"], remains))
            return ("refused" if action == "refused" else "restore"), paths
        if remains and mark_of(remains) not in (None, spec["stack"]):
            return "refused", []
        return "create", creation_paths(item["account"])
    def assignment(self, item, own):
        key, body = item["key"], self.grants.get(item["key"])
        if body is not None:
            return judge(item["spec"], mark_of(body), *assignment_paths(item, body))
        if self.hidden("roleAssignments", key[0]):
            return "unknown", []
        for account in own:
            fate = self.changes[account][0]
            if within(key[0], account) and account not in self.accounts and fate in ("refused", "unknown"):
                return fate, []
        return "create", assignment_creation_paths(item)
    def undeclared(self, key, body):
        kind, scope = ("accounts", key) if isinstance(key, str) else ("roleAssignments", key[0])
        mark = mark_of(body)
        inside = [s for s in self.stacks if any(within(scope, g) for g in s["groups"]) or scope in s["scopes"]]
        owner = next((s for s in self.stacks if s["stack"] == mark), None)
        if owner in inside:
            self.owned[mark] += 1
        if key in self.changes:
            return
        listed = ("unmanaged" if kind == "accounts" else self.stranger(key, body, mark, owner), [])
        if owner is None:
            watched = kind == "accounts" and inside
            for s in self.stacks if kind == "roleAssignments" else []:
                watched = watched or scope in s["groups"] | s["scopes"] or any(within(scope, a["key"]) for a in s["accounts"])
                watched = watched or (self.roles.guarded(key[2]) and any(within(scope, g) for g in s["groups"]))
            if watched:
                self.changes[key] = listed
        elif owner not in inside:
            self.changes[key] = ("unmanaged?", [])
        elif owner["spec"].get("prune") == "none" or subscription_of(scope) in self.incomplete[kind]:
            self.changes[key] = listed
        else:
            self.changes[key] = ("delete", [])
            self.gone[mark] += 1
    def stranger(self, key, body, mark, owner):
        """What an assignment that nobody declares is, where it is worth a line."""
        scope, principal, role = key
        guarded, said = self.roles.guarded(role), body["properties"]
        around = [(s, item) for s in self.stacks for item in s["accounts"] if within(scope, item["key"])]
        for _, item in around if owner is None and not guarded else []:
            for team in item["account"].get("coManagedBy") or []:
                by = [low(who) for who in team["by"]]
                made = low(said.get("createdBy")) in by and low(said.get("updatedBy")) in by
                if made and team["stack"] == mark and role in [self.roles.guid(name) for name in team.get("roles") or []]:
                    return "comanaged"
        if principal in self.gone_principals and low(said.get("principalType")) != "foreigngroup":
            return "unmanaged"
        for _, item in around:
            own = low(((self.accounts.get(item["key"]) or {}).get("identity") or {}).get("principalId"))
            if own == principal and self.roles.surely_infers(role) and not guarded:
                return "unmanaged"
        def expects(stack):
            entries = [entry for s, item in around if s is stack for entry in item["account"].get("expected") or []]
            if any(within(scope, group) for group in stack["groups"]):
                entries += stack["spec"].get("expected") or []
            for entry in entries:
                who = entry["principal"] if isinstance(entry["principal"], str) else entry["principal"]["id"]
                if low(who) == principal and self.roles.guid(entry["role"]) == role and self.today <= entry["until"]:
                    return True
            return False
        strict = lambda s: s["spec"].get("unmanaged", "fail") == "fail"
        owners = [(s, item) for s, item in around if strict(s)]
        concerned = [s for s, item in owners if guarded or "roleAssignments" in item["account"]]
        if guarded and not owners:
            concerned = [s for s in self.stacks if strict(s) and any(within(scope, group) for group in s["groups"])]
        return "unmanaged" if all(expects(s) for s in concerned) else "unmanaged-drift"
    def holds(self, account, key):
        """Whether an assignment of this key is known to hold for an account."""
        if within(account, key[0]):
            return True
        subscription = "/".join(account.split("/")[:3])
        shown = self.shown_by.get(low(self.grants[key]["id"]), []) if above_all(key[0]) and key in self.grants else []
        return any(within(scope, subscription) for scope in shown)
    def condition_of(self, key, now):
        """The condition of an assignment before or after the plan."""
        live = (self.grants[key]["properties"].get("condition") or "") if key in self.grants else ""
        entry = self.declared[key]["entry"] if key in self.declared else {}
        written = now and self.changes.get(key, ("noop",))[0] in ("create", "update") and "condition" in entry
        return (entry["condition"] or "") if written else live
    def kept_by(self, key, other):
        """Whether a grant that was there holds on in one after the plan, as far as conditions go."""
        after = self.condition_of(other, True)
        return not after or squash(after) == squash(self.condition_of(key, False))
    def conditions(self, key):
        """Whether a grant after the plan lets its principal do what a condition kept from it."""
        after = self.condition_of(key, True)
        alike = [k for k in self.grants if k[1:] == key[1:]]
        same = lambda k: squash(self.condition_of(k, False)) == squash(after)
        reaches = lambda k: k == key or self.holds(key[0], k)
        if any(reaches(k) and (not self.condition_of(k, False) or same(k)) for k in alike):
            return False
        return any((reaches(k) or within(k[0], key[0])) and not same(k) for k in alike) or self.swapped(key, same, reaches)
    def swapped(self, key, same, reaches):
        """Whether it gives some of what a condition on another role keeps from its principal."""
        before = lambda k: self.condition_of(k, False)
        theirs = [k for k in self.grants if k[1] == key[1] and k[2] in self.roles.permissions]
        near = [k for k in theirs if k[2] != key[2] and before(k) and not same(k) and (reaches(k) or within(k[0], key[0]))]
        had = lambda a, d: any(reaches(k) and self.roles.permits(k[2], a, d) and (same(k) or lets(before(k), a)) for k in theirs)
        gets = lambda k: any(not lets(before(k), a) and not had(a, d) for a, d in self.roles.shared(k[2], key[2]))
        return key[2] in self.roles.permissions and any(gets(k) for k in near)
    def relied_on(self, key, account):
        """Whether an assignment is a way in to rely on: not one that was made by hand on an account that declares its list."""
        complete = any(item["key"] == account and "roleAssignments" in item["account"] for s in self.stacks for item in s["accounts"])
        undeclared = self.changes.get(key, ("",))[0].startswith("unmanaged")
        return not (complete and undeclared and key[0] == account)
    def left_out(self, key):
        """Whether an assignment goes because its stack's spec leaves the list out in which it would stand. What it stands on stays."""
        if any(action == "delete" and isinstance(gone, str) and within(key[0], gone) for gone, (action, _) in self.changes.items()):
            return False
        owner = next(s for s in self.stacks if s["stack"] == mark_of(self.grants[key]))
        if re.search("/providers/microsoft.cognitiveservices/accounts/[^/]+$", key[0]):
            lists = {item["key"] for item in owner["accounts"] if "roleAssignments" in item["account"]}
            return key[0] not in lists | owner["named"]
        return "roleAssignments" not in owner["spec"]
    def is_service(self, key):
        """Whether its principal may be the identity of something in an account."""
        said = self.grants[key]["properties"].get("principalType") if key in self.grants else self.declared[key]["type"]
        return low(said) in ("", "serviceprincipal")
    def is_gone(self, key):
        """Whether the directory does not know its principal; of another tenant's groups it knows nothing."""
        said = self.grants[key]["properties"].get("principalType") if key in self.grants else self.declared[key]["type"]
        return key[1] in self.gone_principals and low(said) != "foreigngroup"
    def guards(self):
        codes, kept = set(), {key for key in self.grants if self.changes.get(key, ("noop",))[0] != "delete"}
        made = {key for key, (action, _) in self.changes.items() if not isinstance(key, str) and action == "create"}
        restored = {key: self.deleted[key] for key, (action, _) in self.changes.items() if action == "restore"}
        accounts = {**self.accounts, **restored}
        if any(self.gone[s] > 10 or self.gone[s] >= 5 and self.gone[s] > 0.3 * self.owned[s] for s in self.gone):
            codes.add("deletes")
        if any(action == "delete" and not isinstance(key, str) and self.left_out(key) for key, (action, _) in self.changes.items()):
            codes.add("delete-list")
        for key, (action, _) in self.changes.items():
            item, body = self.declared.get(key), accounts.get(key) if isinstance(key, str) else self.grants.get(key)
            if not isinstance(key, str):
                if action == "create" and (self.roles.guarded(key[2]) or above_group(key[0])):
                    codes.add("grant")
                if action in ("create", "update") and self.conditions(key):
                    codes.add("condition")
                continue
            if action == "delete":
                codes.add("delete-account")
            if action == "create" and key in self.deleted:
                codes.add("purge")
            if action not in ("create", "restore", "update", "adopt", "noop"):
                continue
            codes |= opened(key, body and state("noop", None, body), state(action, item, body))
            wanted = item["account"].get("identity") if action in ("restore", "update") else None
            names = {low(name) for name in ((body or {}).get("identity") or {}).get("userAssignedIdentities") or {}}
            if isinstance(wanted, dict) and set(map(low, wanted.get("userAssigned") or [])) - names:
                codes.add("identity")
        may_infer = lambda key: key[2] not in self.roles.permissions or self.roles.infers(key[2])
        narrowed = lambda key: key not in kept or not self.kept_by(key, key)
        for key, body in accounts.items():
            action = self.changes.get(key, ("noop", []))[0]
            was, now = state("noop", None, body)["keysOff"], state(action, self.declared.get(key), body)["keysOff"]
            kind, service = body.get("kind"), low(body.get("kind")) in SERVICES
            may_call = lambda k: k[2] not in self.roles.permissions or self.roles.serves(k[2], kind)
            surely = lambda k: self.roles.surely_serves(k[2], kind) if service and k[2] in self.roles.permissions else self.roles.surely_infers(k[2])
            freely = lambda k: not self.condition_of(k, True) if service else lets_calls(self.condition_of(k, True))
            lost = any(may_call(k) and not self.is_gone(k) and (above_all(k[0]) or self.holds(key, k)) and narrowed(k) for k in self.grants)
            own = low((body.get("identity") or {}).get("principalId"))
            ways = (k for k in kept | made if k[1] != own and not self.is_gone(k) and surely(k) and self.holds(key, k) and self.relied_on(k, key))
            if action != "delete" and now and (not was or lost) and not any(freely(k) for k in ways):
                codes.add("lock-out")
        for key in self.grants:
            unread = any(within(key[0], blind) or within(blind, key[0]) for blind in [*self.blind["accounts"], *self.missing])
            if (above_all(key[0]) or unread) and may_infer(key) and narrowed(key) and not self.is_gone(key):
                stays = [k for k in kept | made if within(key[0], k[0]) and self.roles.surely_infers(k[2]) and not self.is_gone(k) and not self.is_service(k)
                         and (above_all(key[0]) or self.relied_on(k, key[0]))]
                if not any(lets_calls(self.condition_of(k, True)) for k in stays):
                    codes.add("lock-out")
        mine = lambda keys: [key for key in keys if key[1] == self.caller]
        for right in WRITES:
            holds = lambda key: self.roles.permits(key[2], right, False)
            surely = lambda key: key[2] in self.roles.permissions and holds(key)
            unharmed = lambda key, other: self.kept_by(key, other) or (other in self.grants and self.kept_by(other, other))
            for key in mine(self.grants):
                if narrowed(key) and holds(key) and not any(within(key[0], o[0]) and surely(o) and unharmed(key, o) for o in mine(kept | made)):
                    codes.add("lock-out")
        return codes

# what opens an account
def state(action, item, body):
    """How open an account is once the plan is applied."""
    have = (body or {}).get("properties") or {}
    want = {} if item is None else (creation(item["account"]) if action == "create" else item["account"])
    want = want if action in ("create", "restore", "update") else {}
    value = lambda name: (ABSENT[name] if want[name] is None else want[name]) if name in want else have.get(name, ABSENT[name])
    acls = dict(NETWORK_ABSENT, **{k: v for k, v in (have.get("networkAcls") or {}).items() if v is not None})
    if "networkAcls" in want:
        if want["networkAcls"] is None:
            acls = dict(NETWORK_ABSENT)
        else:
            acls.update({k: NETWORK_ABSENT.get(k) if v is None else v for k, v in want["networkAcls"].items()})
    key = (have.get("encryption") or {}).get("keySource")
    if "encryption" in want:
        key = (want["encryption"] or {}).get("keySource", key if want["encryption"] else None)
    agents = [one["subnetArmId"] for one in value("networkInjections") or [] if one.get("subnetArmId")]
    held = [one for one in value("networkInjections") or [] if one.get("subnetArmId") and not one.get("useMicrosoftManagedNetwork")]
    return {
        "keysOff": bool(value("disableLocalAuth")), "public": low(value("publicNetworkAccess")) != "disabled", "held": bool(held),
        "allow": low(acls["defaultAction"]) != "deny", "bypass": low(acls.get("bypass")), "ownKey": low(key) == "microsoft.keyvault",
        "ranges": [ipaddress.ip_network(text) for text in address_set(acls["ipRules"])],
        "callers": {subscription_of(rule["id"]) for rule in acls["virtualNetworkRules"] or []}, "agents": {subscription_of(id) for id in agents},
        "limited": bool(value("restrictOutboundNetworkAccess")), "hosts": {low(host) for host in value("allowedFqdnList") or []},
    }

def opened(key, was, now):
    """The rules that object to what an account becomes; `was` is None for a new one."""
    codes, old = set(), was or dict(state("noop", None, None), allow=False)
    everybody = old["allow"] and old["public"]
    known = list(ipaddress.collapse_addresses(old["ranges"]))
    new = [] if everybody else [one for one in now["ranges"] if not any(one.subnet_of(outer) for outer in known)]
    total = sum(one.num_addresses for one in ipaddress.collapse_addresses(now["ranges"]))
    if any(one.prefixlen < 20 for one in new) or (new and total > 65536):
        codes.add("network-range")
    home = {subscription_of(key)} | old["callers"] | old["agents"]
    if (now["callers"] - home and not everybody) or now["agents"] - home:
        codes.add("network-subnet")
    if was is None:
        return codes
    if was["keysOff"] and not now["keysOff"]:
        codes.add("keys-on")
    if (now["allow"] and not was["allow"]) or (now["public"] and not was["public"]):
        codes.add("public-network")
    passed = was["bypass"] not in ("", "none")
    if not everybody and (now["bypass"] == "azureservices" and not passed or now["bypass"] == "" and was["bypass"] == "none"):
        codes.add("network-bypass")
    if was["limited"] and (not now["limited"] or now["hosts"] - was["hosts"]) or (was["held"] and not now["held"]):
        codes.add("outbound")
    if was["ownKey"] and not now["ownKey"]:
        codes.add("weakening")
    return codes

def main():
    roles = Roles(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(Case(json.loads(line), roles).plan()))

if __name__ == "__main__":
    main()
