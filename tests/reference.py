#!/usr/bin/env python3
"""What a plan must say, computed a second time and independently.

Written from the design page alone, without looking at the Rust sources: it is the oracle that the planner is compared with. It
reads cases as JSON lines and writes one JSON line for each: the changes as [action, key, sorted changed paths], and the codes of
the guards that refuse the plan. Python's standard library only.

A case: {"specs": [spec tree, ...], "live": {"accounts": [ARM body, ...], "roleAssignments": [ARM body, ...]},
"resourceGroups": [...], "unreadable": {"accounts": [id, ...], "roleAssignments": [subscription id, ...]}, "caller": object id or absent}.
Principals in the specs are object ids already. `roles` (a file of role definitions) is the first argument.

What the design leaves open, and what is decided here:
 1. Something declared that bears another stack's mark, and a change of an immutable field, is the action `refused`, with the paths
    that differ. Immutable: kind, location, and a custom subdomain that exists already (adding the first one is an update).
 2. `adopt: true` gives `adopt` whether or not fields differ as well; without it a differing unmarked thing is an `update` and stays unmarked.
 3. The domain is at or below a resource group that the spec names, or a scope that it declares.
 4. `prune: none` lists what would be deleted as `unmanaged`. What bears the mark of a stack that is not loaded is nobody's here: not listed.
 5. A thing that one loaded stack marked and another declares is refused for the latter and not deleted for the former.
 6. `deletes` counts over the whole plan for 10, and per stack for 30 % of the marked things in its domain.
 7. `lock-out` compares before and after: somebody could call (keys on, or an inference role at or above), afterwards nobody can.
    A new account locks nobody out. If the assignments cannot be read, turning keys off is refused: nobody is known to keep a right.
 8. Absent live fields have ARM's defaults only where a recording shows one; an absent `bypass` therefore differs from any declared value.
 9. An unreadable list hides all it would have shown: what is declared is `unknown`, the rest is not listed.
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
NETWORK_ABSENT = {"defaultAction": "Allow", "ipRules": [], "virtualNetworkRules": []}
ACCOUNT_PROPERTIES = (
    "customSubDomainName", "disableLocalAuth", "publicNetworkAccess", "allowProjectManagement", "restrictOutboundNetworkAccess",
    "allowedFqdnList", "userOwnedStorage", "networkInjections",
)
# Calls that somebody with rights to use models makes; one of them suffices.
INFERENCE = (
    "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action",
    "Microsoft.CognitiveServices/accounts/MaaS/chat/completions/action",
)
GRANT = "Microsoft.Authorization/roleAssignments/write"
WRITE = "Microsoft.CognitiveServices/accounts/write"


def low(text):
    return (text or "").lower()


def last(text):
    return low(text).rstrip("/").rsplit("/", 1)[-1]


# ---- roles ---------------------------------------------------------------------------------------------------------------------


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
        return any(
            any(wildcard(p, action) for p in block.get(yes) or []) and not any(wildcard(p, action) for p in block.get(no) or [])
            for block in self.permissions.get(guid, [])
        )

    def infers(self, guid):
        return any(self.permits(guid, action, True) for action in INFERENCE)

    def grants(self, guid):
        return self.permits(guid, GRANT, False)


# ---- scopes --------------------------------------------------------------------------------------------------------------------


def within(scope, outer):
    scope, outer = low(scope).rstrip("/"), low(outer).rstrip("/")
    return scope == outer or scope.startswith(outer + "/")


def above_group(scope):
    """Subscription scope or above: also management groups and the root."""
    parts = [part for part in low(scope).split("/") if part]
    return parts[:1] != ["subscriptions"] or len(parts) <= 2


# ---- the spec ------------------------------------------------------------------------------------------------------------------


def group_id(subscription, group):
    return f"/subscriptions/{subscription}/resourceGroups/{group}"


def desired(spec, roles):
    """Accounts and assignments that one spec declares, and its domain."""
    subscription, stack = spec["subscription"], spec["stack"]
    accounts, assignments, domain = [], [], []
    if spec.get("resourceGroup"):
        domain.append(group_id(subscription, spec["resourceGroup"]))

    def assign(scope, entry):
        for principal in entry["principals"]:
            guid = roles.guid(entry["role"])
            assignments.append({
                "key": (low(scope).rstrip("/"), low(principal["id"]), guid), "type": principal.get("type"), "entry": entry, "spec": spec,
            })

    for account in spec.get("accounts") or []:
        group = group_id(account.get("subscription") or subscription, account.get("resourceGroup") or spec.get("resourceGroup"))
        domain.append(group)
        scope = f"{group}/providers/Microsoft.CognitiveServices/accounts/{account['name']}"
        location = account.get("location") or spec.get("location")
        accounts.append({"key": low(scope), "account": account, "location": location, "spec": spec})
        for entry in account.get("roleAssignments") or []:
            assign(scope, entry)
    for entry in spec.get("roleAssignments") or []:
        scope = {"resourceGroup": group_id(subscription, spec.get("resourceGroup")), "subscription": f"/subscriptions/{subscription}"}
        scope = scope.get(entry["scope"], entry["scope"])
        domain.append(scope)
        assign(scope, entry)
    return {"stack": stack, "spec": spec, "accounts": accounts, "assignments": assignments, "domain": domain}


# ---- fields of an account ------------------------------------------------------------------------------------------------------


def network(text):
    return str(ipaddress.ip_network(text, strict=False))


def address_set(rules):
    return sorted(network(rule if isinstance(rule, str) else rule["value"]) for rule in rules or [])


def elements(rules, identity):
    """A list whose elements match by identity; absent and false sub-fields are the same."""
    return {low(rule[identity]): {k: v for k, v in rule.items() if k != identity and v not in (None, False)} for rule in rules or []}


def same_elements(want, have, identity):
    """Each declared sub-field equal, no element too many or too few; a sub-field that is not declared does not count."""
    live, spec = elements(have, identity), {low(rule[identity]): rule for rule in want or []}
    if set(live) != set(spec):
        return False
    for name, rule in spec.items():
        for field, value in rule.items():
            if field != identity and (value or None) != (live[name].get(field) or None):
                if not (isinstance(value, str) and low(value) == low(live[name].get(field))):
                    return False
    return True


def same_field(field, want, have):
    if want is None and field not in ABSENT:
        return have is None
    want = ABSENT.get(field) if want is None else want
    have = ABSENT.get(field) if have is None else have
    if field == "allowedFqdnList":
        return sorted(want) == sorted(have)
    if field == "userOwnedStorage":
        return same_elements(want, have, "resourceId")
    if field == "networkInjections":
        return same_elements(want, have, "scenario")
    if field == "customSubDomainName":
        return low(want) == low(have)
    return want == have


def identity_parts(identity):
    """(system-assigned or None for not said, user-assigned ids or None for not said)."""
    if identity is None or identity == "None":
        return False, []
    if isinstance(identity, str):
        return True, None
    system = identity.get("systemAssigned")
    if identity.get("type"):
        system = "systemassigned" in low(identity["type"])
    users = identity.get("userAssigned")
    return system, None if users is None else sorted(low(user) for user in users)


def same_identity(want, live):
    system, users = identity_parts(want)
    live = live or {}
    has = "systemassigned" in low(live.get("type"))
    names = sorted(low(name) for name in live.get("userAssignedIdentities") or {})
    return (system is None or system == has) and (users is None or users == names)


def leaves(prefix, want, have, paths):
    """A map merges key by key; `null` clears."""
    for name, value in want.items():
        path, old = f"{prefix}/{name}", (have or {}).get(name)
        if isinstance(value, dict):
            leaves(path, value, old, paths)
        elif value != old and not (isinstance(value, str) and prefix.endswith("/encryption") and low(value) == low(old)):
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
    if "tags" in account:
        want = {name: None for name in live.get("tags") or {} if name != TAG} if account["tags"] is None else account["tags"]
        leaves("/tags", want, live.get("tags"), paths)
    for field in ACCOUNT_PROPERTIES:
        if field in account and not same_field(field, account[field], have.get(field)):
            (frozen if field == "customSubDomainName" and have.get(field) else paths).append(f"/properties/{field}")
    if "networkAcls" in account:
        acls = account["networkAcls"]
        want, old = (dict(NETWORK_ABSENT) if acls is None else acls), have.get("networkAcls") or {}
        for name, value in want.items():
            value = NETWORK_ABSENT.get(name) if value is None else value
            before = NETWORK_ABSENT.get(name) if old.get(name) is None else old[name]
            if name == "ipRules":
                same = address_set(value) == address_set(before)
            elif name == "virtualNetworkRules":
                same = same_elements(value, before, "id")
            else:
                same = value == before
            if not same:
                paths.append(f"/properties/networkAcls/{name}")
    if account.get("encryption") is not None:
        leaves("/properties/encryption", account["encryption"], have.get("encryption"), paths)
    elif "encryption" in account and have.get("encryption") is not None:
        paths.append("/properties/encryption")
    return sorted(paths + frozen), frozen


def creation(account, location):
    """The account as a new one is sent: safe values for what is omitted."""
    new = {"kind": "AIServices", "sku": "S0", "identity": "SystemAssigned", "customSubDomainName": account["name"], "disableLocalAuth": True}
    if account.get("projects"):
        new["allowProjectManagement"] = True
    return {**new, **account}, location


def creation_paths(account, location):
    new, location = creation(account, location)
    paths = ["/location"] if location else []
    for name, path in (("kind", "/kind"), ("sku", "/sku/name"), ("identity", "/identity")):
        if new.get(name) is not None:
            paths.append(path)
    paths += [f"/tags/{name}" for name, value in (new.get("tags") or {}).items() if value is not None]
    paths += [f"/properties/{name}" for name in ACCOUNT_PROPERTIES if new.get(name) is not None]
    paths += [f"/properties/networkAcls/{name}" for name, value in (new.get("networkAcls") or {}).items() if value is not None]
    leaves("/properties/encryption", new.get("encryption") or {}, {}, paths)
    return sorted(paths)


# ---- fields of an assignment ---------------------------------------------------------------------------------------------------


def mark_of(body):
    if "principalId" in (body.get("properties") or {}):
        found = MARK.search(body["properties"].get("description") or "")
        return found.group(1) if found else None
    return next((value for name, value in (body.get("tags") or {}).items() if low(name) == TAG), None)


def squash(text):
    return re.sub(r"\s+", "", text or "")


def assignment_paths(entry, live):
    paths, have = [], live["properties"]
    if "description" in entry and (entry["description"] or "").strip() != MARK.sub("", have.get("description") or "").strip():
        paths.append("/properties/description")
    if "condition" in entry:
        if squash(entry["condition"]) != squash(have.get("condition")):
            paths.append("/properties/condition")
        if entry["condition"] and have.get("conditionVersion") != "2.0":
            paths.append("/properties/conditionVersion")
        if not entry["condition"] and have.get("condition") and have.get("conditionVersion"):
            paths.append("/properties/conditionVersion")
    return sorted(paths)


def assignment_creation_paths(item):
    paths = ["/properties/principalId", "/properties/roleDefinitionId"]
    paths += ["/properties/principalType"] if item["type"] else []
    paths += ["/properties/description"] if item["entry"].get("description") else []
    paths += ["/properties/condition", "/properties/conditionVersion"] if item["entry"].get("condition") else []
    return sorted(paths)


# ---- the plan ------------------------------------------------------------------------------------------------------------------


def judge(spec, mark, paths, frozen):
    if (mark is not None and mark != spec["stack"]) or frozen:
        return "refused"
    if mark is None and spec.get("adopt"):
        return "adopt"
    return "update" if paths else "noop"


def plan(case, roles):
    stacks = [desired(spec, roles) for spec in case["specs"]]
    blind = case.get("unreadable") or {}
    blind_accounts = {low(i) for i in blind.get("accounts") or []}
    blind_lists = {low(i) for i in blind.get("roleAssignments") or []}
    accounts = {low(body["id"]): body for body in case["live"]["accounts"] if low(body["id"]) not in blind_accounts}
    live = {}
    for body in case["live"]["roleAssignments"]:
        p = body["properties"]
        live[(low(p["scope"]).rstrip("/"), low(p["principalId"]), last(p["roleDefinitionId"]))] = body
    hidden = lambda scope: scope.split("/")[2:3] and scope.split("/")[2] in blind_lists
    live = {key: body for key, body in live.items() if not hidden(key[0])}

    changes, writes = {}, {}
    for stack in stacks:
        for item in stack["accounts"]:
            key, body = item["key"], accounts.get(item["key"])
            if key in blind_accounts:
                changes[key] = ("unknown", [])
            elif body is None:
                changes[key] = ("create", creation_paths(item["account"], item["location"]))
            else:
                paths, frozen = account_paths(item["account"], item["location"], body)
                changes[key] = (judge(item["spec"], mark_of(body), paths, frozen), paths)
            writes[key] = item
        for item in stack["assignments"]:
            key, body = item["key"], live.get(item["key"])
            if hidden(key[0]):
                changes[key] = ("unknown", [])
            elif body is None:
                changes[key] = ("create", assignment_creation_paths(item))
            else:
                paths = assignment_paths(item["entry"], body)
                changes[key] = (judge(item["spec"], mark_of(body), paths, []), paths)
            writes[key] = item

    owned = {stack["stack"]: 0 for stack in stacks}
    deleted_by = {stack["stack"]: 0 for stack in stacks}
    for key, body in list(accounts.items()) + list(live.items()):
        scope, mark = key if isinstance(key, str) else key[0], mark_of(body)
        inside = [stack for stack in stacks if any(within(scope, outer) for outer in stack["domain"])]
        mine = [stack for stack in inside if stack["stack"] == mark]
        if mine:
            owned[mark] += 1
        if key in changes or not inside:
            continue
        if mine and mine[0]["spec"].get("prune", "owned") == "owned":
            changes[key] = ("delete", [])
            deleted_by[mark] += 1
        elif mine or mark is None:
            changes[key] = ("unmanaged", [])
    codes = guards(case, changes, writes, accounts, live, hidden, roles)
    total = sum(deleted_by.values())
    if total > 10 or any(deleted_by[s] >= 5 and deleted_by[s] > 0.3 * owned[s] for s in owned):
        codes.add("deletes")
    listed = [[action, key if isinstance(key, str) else "|".join(key), paths] for key, (action, paths) in changes.items()]
    return {"changes": sorted(listed), "guards": sorted(codes)}


def after_account(action, item, body):
    """(keys off, public network, default action, open addresses) of the account once the plan is applied."""
    have = (body or {}).get("properties") or {}
    want = {} if item is None else (creation(item["account"], None)[0] if action == "create" else item["account"])
    want = want if action in ("create", "update", "adopt") else {}
    value = lambda name: (ABSENT[name] if want[name] is None else want[name]) if name in want else have.get(name, ABSENT[name])
    acls = dict(NETWORK_ABSENT, **{k: v for k, v in (have.get("networkAcls") or {}).items() if v is not None})
    if "networkAcls" in want:
        acls.update({k: NETWORK_ABSENT.get(k) if v is None else v for k, v in (want["networkAcls"] or NETWORK_ABSENT).items()})
    wide = {rule for rule in address_set(acls["ipRules"]) if rule.endswith("/0")}
    return bool(value("disableLocalAuth")), value("publicNetworkAccess"), acls["defaultAction"], wide


def guards(case, changes, writes, accounts, live, hidden, roles):
    codes = set()
    remaining = {key for key in live if changes.get(key, ("noop", []))[0] != "delete"}
    for key, (action, paths) in changes.items():
        if isinstance(key, str):
            if action == "delete":
                codes.add("delete-account")
                continue
            if action not in ("create", "update", "adopt", "noop", "refused", "unmanaged"):
                continue
            was, now = after_account("noop", None, accounts.get(key)), after_account(action, writes.get(key), accounts.get(key))
            if now[3] - (was[3] if action != "create" else set()):
                codes.add("opening")
            if action == "create":
                continue
            if (was[0] and not now[0]) or (was[1], now[1]) == ("Disabled", "Enabled") or (was[2], now[2]) == ("Deny", "Allow"):
                codes.add("opening")
            if now[0]:
                callers = lambda keys: any(roles.infers(k[2]) and within(key, k[0]) for k in keys)
                created = {k for k, (a, _) in changes.items() if not isinstance(k, str) and a == "create"}
                could = not was[0] or callers(live)
                if could and not callers(remaining | created):
                    if not hidden(key) or not was[0]:
                        codes.add("lock-out")
            continue
        if action == "create" and (roles.grants(key[2]) or above_group(key[0])):
            codes.add("grant")
        had = live[key]["properties"].get("condition") if key in live else None
        if action in ("update", "adopt") and had and "condition" in writes[key]["entry"] and not writes[key]["entry"]["condition"]:
            codes.add("grant")
    me = low(case.get("caller"))
    mine = lambda keys: {k for k in keys if k[1] == me}
    gone = mine(live) - mine(remaining)
    for action in (GRANT, WRITE):
        for key in gone:
            if roles.permits(key[2], action, False):
                if not any(within(key[0], k[0]) and roles.permits(k[2], action, False) for k in mine(remaining)):
                    codes.add("lock-out")
    return codes


def main():
    roles = Roles(sys.argv[1])
    for line in sys.stdin:
        if line.strip():
            print(json.dumps(plan(json.loads(line), roles)))


if __name__ == "__main__":
    main()
