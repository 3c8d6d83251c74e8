#!/usr/bin/env python3
"""Tries beliefs of docs/unproven.md on a subscription, and prints a Markdown table for a bug report.

  SUBSCRIPTION=... RESOURCE_GROUP=... ACCOUNT=... tests/prove.py [--writes] [--arm-endpoint URL]
  tests/prove.py --list

Reads only, unless --writes: then it also makes a content filter, a blocklist and a role assignment for the caller that lets it read usages,
each under a new name, and deletes them. Nothing else is changed or deleted, and no key is fetched. It signs in with AZURE_TENANT_ID,
AZURE_CLIENT_ID and AZURE_CLIENT_SECRET if they are set, or else with Azure CLI. With --arm-endpoint (a sandbox) KEYLESS_TOKEN is sent
instead. KEYLESS_CLOUD is public, usgov or china.

The table has no secrets and no names, and ids are shortened. Exits 1 if a belief is refuted or something could not be cleaned up.
"""

import base64
import datetime
import http.client
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "unproven.md"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Resource Manager, Entra, Graph, the resource of data-plane tokens and of project tokens, suffixes of accounts' hosts: as src/arm/auth/cloud.rs.
CLOUDS = {
    "public": ("https://management.azure.com", "https://login.microsoftonline.com", "https://graph.microsoft.com",
               "https://cognitiveservices.azure.com", "https://ai.azure.com",
               ("cognitiveservices.azure.com", "openai.azure.com", "services.ai.azure.com")),
    "usgov": ("https://management.usgovcloudapi.net", "https://login.microsoftonline.us", "https://graph.microsoft.us",
              "https://cognitiveservices.azure.us", "https://ai.azure.us",
              ("cognitiveservices.azure.us", "openai.azure.us", "services.ai.azure.us")),
    "china": ("https://management.chinacloudapi.cn", "https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn",
              "https://cognitiveservices.azure.cn", "https://ai.azure.cn",
              ("cognitiveservices.azure.cn", "openai.azure.cn", "services.ai.azure.cn")),
}
AUTHORIZATION = "providers/Microsoft.Authorization"
VERSION = re.search(r'NEWEST: &str = "([^"]+)"', (ROOT / "src/arm/versions.rs").read_text()).group(1)
BELIEVED, REFUTED, NOTHING, SKIPPED = "as believed", "REFUTED", "no evidence", "skipped"


class Skip(Exception):
    """A probe that cannot be made here, with the reason."""


class Nothing(Exception):
    """There is nothing here that could show it."""


class Answer:
    def __init__(self, status, headers, text):
        self.status, self.headers = status, headers
        try:
            self.body = json.loads(text) if text else {}
        except ValueError:
            self.body = {}
        error = self.body.get("error") if isinstance(self.body, dict) else None
        error = error if isinstance(error, dict) else {}
        self.code, self.message = str(error.get("code") or ""), str(error.get("message") or "")

    def __str__(self):
        return f"{self.status} {self.code}".strip()


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Azure:
    """One account of a subscription, and what is asked about it. Answers are kept: nothing is read twice."""

    def __init__(self, endpoint, writes):
        cloud = os.environ.get("KEYLESS_CLOUD", "public")
        if cloud not in CLOUDS:
            sys.exit("KEYLESS_CLOUD is public, usgov or china")
        arm, self.entra, graph, self.data_resource, self.project_resource, self.suffixes = CLOUDS[cloud]
        self.given = endpoint is not None
        self.endpoint = (endpoint or arm).rstrip("/")
        self.graph = self.endpoint if self.given else graph
        self.writes = writes
        names = [os.environ.get(name, "") for name in ("SUBSCRIPTION", "RESOURCE_GROUP", "ACCOUNT")]
        if not all(names):
            sys.exit("set SUBSCRIPTION, RESOURCE_GROUP and ACCOUNT; tests/prove.py --help says more")
        if not all(re.fullmatch(r"[\w.()-]+", name) for name in names):
            sys.exit("SUBSCRIPTION, RESOURCE_GROUP and ACCOUNT are plain names")
        self.names = dict(zip(names, ("SUBSCRIPTION", "GROUP", "ACCOUNT")))
        self.subscription = f"/subscriptions/{names[0]}"
        self.group = f"{self.subscription}/resourceGroups/{names[1]}"
        self.account = f"{self.group}/providers/Microsoft.CognitiveServices/accounts/{names[2]}"
        self.tokens, self.kept, self.made = {}, {}, []
        self.opener = urllib.request.build_opener(NoRedirects)
        host = urllib.parse.urlsplit(self.endpoint)
        if self.given:
            if not host.hostname or (host.scheme != "https" and host.hostname not in LOOPBACK):
                sys.exit("--arm-endpoint takes a URL with https, or of this machine")
            if "KEYLESS_TOKEN" not in os.environ:
                sys.exit("--arm-endpoint needs KEYLESS_TOKEN; for a sandbox, any text")
            self.tokens = dict.fromkeys((self.endpoint, self.graph, self.data_resource, self.project_resource), os.environ["KEYLESS_TOKEN"])
            # Never through a proxy.
            self.opener = urllib.request.build_opener(NoRedirects, urllib.request.ProxyHandler({}))
        self.sandbox = self.given and host.hostname in LOOPBACK and self.raw("GET", f"{self.endpoint}/_sandbox/stats", {}).status == 200

    # Sending.

    def raw(self, method, url, headers, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"User-Agent": "keyless-prove", "Content-Type": "application/json", **headers}
        for attempt in (1, 2):
            request = urllib.request.Request(url, data=data, headers=headers, method=method)
            try:
                with self.opener.open(request, timeout=60) as reply:
                    return Answer(reply.status, reply.headers, reply.read())
            except urllib.error.HTTPError as reply:
                answer = Answer(reply.code, reply.headers, reply.read())
                wait = reply.headers.get("Retry-After", "5")
                if answer.status != 429 or attempt == 2:
                    return answer
                time.sleep(min(int(wait) if wait.isdigit() else 5, 60))
            except (OSError, http.client.HTTPException) as error:
                raise Skip(f"no connection ({type(error).__name__})") from error

    def token(self, resource):
        if resource not in self.tokens:
            self.tokens[resource] = self.secret_token(resource) if "AZURE_CLIENT_SECRET" in os.environ else self.az_token(resource)
        return self.tokens[resource]

    def az_token(self, resource):
        if not shutil.which("az"):
            raise Skip("not signed in: there is no Azure CLI, and AZURE_CLIENT_SECRET is not set")
        command = ["az", "account", "get-access-token", "--resource", resource, "--subscription", self.subscription.split("/")[2],
                   "--query", "accessToken", "--output", "tsv"]
        try:
            ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        except subprocess.TimeoutExpired as error:
            raise Skip("az does not answer") from error
        if ran.returncode or not ran.stdout.strip():
            raise Skip(f"az gives no token for {resource}")
        return ran.stdout.strip()

    def secret_token(self, resource):
        tenant, client, secret = (os.environ.get(f"AZURE_{name}", "") for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET"))
        form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret, "scope": f"{resource}/.default"}
        request = urllib.request.Request(f"{self.entra}/{tenant}/oauth2/v2.0/token", data=urllib.parse.urlencode(form).encode())
        try:
            with self.opener.open(request, timeout=60) as reply:
                return json.load(reply)["access_token"]
        except (OSError, KeyError, ValueError) as error:
            raise Skip(f"Entra gives no token for {resource}") from error

    def send(self, method, path, body=None, headers=None):
        """A request to Resource Manager; of a path, or of a link that was checked."""
        url = path if path.startswith("http") else self.endpoint + urllib.parse.quote(path, safe="/?&=:%$'(),")
        return self.raw(method, url, {"Authorization": f"Bearer {self.token(self.endpoint)}", **(headers or {})}, body)

    def get(self, path):
        if path not in self.kept:
            self.kept[path] = self.send("GET", path)
        return self.kept[path]

    def read(self, path, what):
        """The answer to a GET that must succeed."""
        return allowed(self.get(path), f"read {what}").body

    def all(self, path, what):
        """Every item of a list."""
        items, link = [], path
        while link:
            body = self.read(link, what)
            items += body.get("value") or []
            link = body.get("nextLink")
            if link and not link.lower().startswith(self.endpoint.lower() + "/"):
                raise Skip(f"the next page of {what} is at another host")
        return items

    def call(self, method, path, body=None, key=None, project=None):
        """A request to the data plane, with a token or a key."""
        subdomain = self.body()["properties"].get("customSubDomainName")
        if not subdomain:
            raise Skip("the account has no subdomain, so it takes no tokens")
        if not re.fullmatch("[A-Za-z0-9-]+", subdomain):
            raise Skip("the account's subdomain is no name of a host")
        self.names[subdomain] = "SUBDOMAIN"
        if self.given:
            url = f"{self.endpoint}/_data/{subdomain}"
        else:
            url = f"https://{subdomain}.{self.suffixes[2 if project else 1]}"
        resource = self.project_resource if project else self.data_resource
        headers = {"api-key": key} if key else {"Authorization": f"Bearer {self.token(resource)}"}
        answer = self.raw(method, url + path, headers, body)
        if answer.status == 403 and re.search("firewall|virtual network|private endpoint|public access", answer.message, re.I):
            raise Skip("the account's network rules let nobody call it from here")
        return answer

    # What many probes need.

    def body(self):
        return self.read(f"{self.account}?api-version={VERSION}", "the account")

    def location(self):
        return self.body()["location"].replace(" ", "").lower()

    def children(self, kind):
        return self.all(f"{self.account}/{kind}?api-version={VERSION}", kind)

    def assignments(self):
        return self.all(f"{self.subscription}/{AUTHORIZATION}/roleAssignments?api-version=2022-04-01", "role assignments of the subscription")

    def definitions(self):
        path = f"{self.subscription}/{AUTHORIZATION}/roleDefinitions?api-version=2022-04-01&$filter=atScopeAndBelow()"
        return self.all(path, "role definitions")

    def caller(self):
        """The caller's object id."""
        try:
            part = self.token(self.endpoint).split(".")[1]
            return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["oid"]
        except (IndexError, KeyError, ValueError) as error:
            if self.sandbox:
                # Whom a sandbox takes a token without claims for.
                return "66666666-7777-4888-8999-000000000000"
            raise Skip("the token does not say who the caller is") from error

    def make(self, path, body):
        """Makes something under a new name, and remembers to delete it."""
        if not self.writes:
            raise Skip("needs --writes, which makes something and deletes it")
        provider, *names = path.rsplit("/providers/", 1)[1].split("?")[0].split("/")
        kind = "/".join([provider, *names[::2]])
        if not (self.may(f"{kind}/write") and self.may(f"{kind}/delete")):
            raise Skip(f"no right to make and delete {kind.rsplit('/', 1)[-1]}")
        if self.all(f"{self.account}/{AUTHORIZATION}/locks?api-version=2020-05-01", "locks of the account"):
            raise Skip("a lock could keep what was made from being deleted")
        if allowed(self.send("GET", path), "look whether the name is free", also=(200, 404)).status != 404:
            raise Skip("the new name is not free")
        # Before the answer, which may be lost.
        self.made.append(path)
        answer = self.send("PUT", path, body)
        if answer.status in (400, 401, 403, 404, 409):
            self.made.remove(path)
        return answer

    def may(self, action):
        """Whether the caller has a permission on the account."""
        items = self.all(f"{self.account}/{AUTHORIZATION}/permissions?api-version=2022-04-01", "the caller's permissions")

        def covers(pattern):
            return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), action, re.I)

        return any(any(map(covers, item.get("actions") or [])) and not any(map(covers, item.get("notActions") or [])) for item in items)

    def delete(self, path):
        """Deletes what was made. What takes longer than a minute is left to `clean`."""
        answer = self.send("DELETE", path)
        for _ in range(30):
            if answer.status not in (200, 202, 204):
                break
            if self.send("GET", path).status == 404:
                self.made.remove(path)
                break
            time.sleep(2)
        return answer

    def clean(self):
        """Deletes what was made. Returns what is left."""
        left = []
        for path in reversed(self.made):
            try:
                done = self.send("DELETE", path).status in (200, 202, 204, 404)
            except Skip:
                done = False
            if not done:
                left.append(path)
        self.made = left
        return left

    def shown(self, text):
        """A text without names and whole ids, as a cell of a table."""
        for name, label in sorted(self.names.items(), key=lambda pair: -len(pair[0])):
            text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", label, text, flags=re.I)
        text = re.sub(r"\b([0-9a-f]{8})-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b", r"\1…", text, flags=re.I)
        text = re.sub(r"[^\x20-\x7e…]|[|`<>@\[\]]", " ", text)
        return text if len(text) <= 220 else text[:219] + "…"


def allowed(answer, what, also=(200,)):
    if answer.status in (401, 403):
        raise Skip(f"no right to {what} ({answer})")
    if answer.status not in also:
        raise Skip(f"cannot {what} ({answer})")
    return answer


def same(one, other):
    return one.rstrip("/").lower() == other.rstrip("/").lower()


def verdict(is_so, seen):
    return (BELIEVED if is_so else REFUTED), seen


def few(names, most=5):
    names = sorted(set(names))
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


PROBES = {}


def probe(entry):
    def keep(function):
        assert entry not in PROBES, entry
        PROBES[entry] = function
        return function
    return keep


# Who gets in.


@probe("A1")
def lists_show_what_is_below(azure):
    every = {item["id"].lower() for item in azure.assignments()}
    at = azure.all(f"{azure.account}/{AUTHORIZATION}/roleAssignments?api-version=2022-04-01&$filter=atScope()", "role assignments of the account")
    own = {item["id"].lower() for item in at if same(item["properties"]["scope"], azure.account)}
    if not own:
        raise Nothing("nobody has a role on the account itself")
    missing = own - every
    return verdict(not missing, f"{len(own) - len(missing)} of {len(own)} assignments on the account are in the subscription's list of {len(every)}")


@probe("A3")
def builtin_roles_are_as_known(azure):
    parts = ("actions", "notActions", "dataActions", "notDataActions")

    def permitted(permissions):
        return sorted(tuple(tuple(sorted(text.lower() for text in each.get(part) or [])) for part in parts) for each in permissions)

    known = {}
    for line in (ROOT / "src/rbac/builtin.txt").read_text().splitlines():
        guid, _, permissions = line.split("\t")[:3]
        known[guid.lower()] = permitted(json.loads(permissions))
    found = {item["name"].lower(): item["properties"] for item in azure.definitions() if item["properties"].get("type") == "BuiltInRole"}
    both = known.keys() & found.keys()
    changed = [found[guid]["roleName"] for guid in both if permitted(found[guid]["permissions"]) != known[guid]]
    seen = f"{len(both)} of {len(known)} known roles are there; {len(found.keys() - known.keys())} are new"
    return verdict(both and not changed, seen + (f"; changed: {few(changed)}" if changed else "; none changed"))


@probe("A4")
def the_setting_decides_about_keys(azure):
    setting = azure.body()["properties"].get("disableLocalAuth")
    answer = azure.call("GET", "/openai/models?api-version=2024-10-21", key=secrets.token_hex(16))
    off = answer.code.lower() == "authenticationtypedisabled"
    told = {None: "not shown", True: "true", False: "false"}[setting]
    if not off and answer.status != 401:
        raise Skip(f"a random key is answered with {answer}")
    return verdict(off == (setting is True), f"disableLocalAuth is {told}, and a random key is answered with {answer}")


@probe("A8")
def authors_cannot_be_forged(azure):
    found = granted(azure)
    if not found["author"]:
        raise Nothing("Azure shows no author")
    return verdict(found["author"] != FORGED, "Azure wrote down the caller, not the author that was sent" if found["author"] != FORGED else "the author is who the request said")


@probe("A12")
def azures_own_filter_stops_what_is_documented(azure):
    own = {item["name"].lower(): item["properties"] for item in azure.children("raiPolicies")}
    if "microsoft.defaultv2" not in own:
        return verdict(False, f"Microsoft.DefaultV2 is not among the {len(own)} filters that the account lists")
    filters = {(each["name"].lower().replace(" ", "").replace("_", ""), each.get("source")): each for each in own["microsoft.defaultv2"].get("contentFilters") or []}
    wanted = [(name, source) for name in ("hate", "sexual", "violence", "selfharm") for source in ("Prompt", "Completion")]
    wanted += [("jailbreak", "Prompt"), ("protectedmaterialtext", "Completion")]
    levels = {"low": 0, "medium": 1, None: 1}

    def stops(key):
        each = filters.get(key)
        return each and each.get("enabled") and each.get("blocking") and levels.get((each.get("severityThreshold") or "medium").lower(), 2) <= 1

    weak = [" ".join(key) for key in wanted if not stops(key)]
    return verdict(not weak, f"{len(wanted) - len(weak)} of {len(wanted)} documented filters block" + (f"; not {few(weak)}" if weak else ""))


@probe("A13")
def every_assigned_role_is_listed(azure):
    known = {item["name"].lower() for item in azure.definitions()}
    used = {item["properties"]["roleDefinitionId"].rsplit("/", 1)[-1].lower() for item in azure.assignments()}
    if not used:
        raise Nothing("nobody has a role")
    return verdict(used <= known, f"{len(used & known)} of {len(used)} assigned roles are in the list")


# Who is locked out.


@probe("B1")
def schedules_name_every_assignment(azure):
    path = f"{{}}/{AUTHORIZATION}/roleAssignmentScheduleInstances?api-version=2020-10-01"
    if azure.get(path.format(azure.subscription)).code == "AadPremiumLicenseRequired":
        return verdict(True, "AadPremiumLicenseRequired: the tenant has no Privileged Identity Management")
    inside = [item for item in azure.assignments() if item["properties"]["scope"].lower().startswith(azure.subscription.lower())]

    def named(scope, more=""):
        items = azure.all(path.format(scope) + more, "schedules of role assignments")
        return {str(item["properties"].get("originRoleAssignmentId")).lower() for item in items}

    if not inside:
        raise Nothing("nobody has a role in the subscription")
    listed = named(azure.subscription)
    missing = [item for item in inside if item["id"].lower() not in listed]
    # keyless then asks at the assignment's own scope.
    lost = [item for item in missing[:5] if item["id"].lower() not in named(item["properties"]["scope"], "&$filter=atScope()")]
    seen = f"{len(inside) - len(missing)} of {len(inside)} assignments are named in the subscription's list"
    return verdict(not lost, seen + (f"; {len(lost)} of {len(missing[:5])} others not at their own scope either" if missing else ""))


@probe("B2")
def the_directory_leaves_out_who_is_gone(azure):
    nobody = str(uuid.uuid4())
    ids = sorted({item["properties"]["principalId"] for item in azure.assignments()})[:20]
    body = {"ids": [*ids, nobody], "types": ["directoryObject"]}
    headers = {"Authorization": f"Bearer {azure.token(azure.graph)}"}
    answer = azure.raw("POST", f"{azure.graph}/v1.0/directoryObjects/getByIds", headers, body)
    if answer.status in (401, 403):
        raise Skip(f"no right to read the directory ({answer})")
    found = {item["id"].lower() for item in answer.body.get("value") or []}
    if nobody in found and azure.sandbox:
        raise Skip("this sandbox makes every principal up; start it with --strict")
    if answer.status == 200 and ids and not found:
        raise Nothing(f"none of {len(ids)} principals was shown")
    return verdict(answer.status == 200 and nobody not in found, f"{answer}; {len(found & {each.lower() for each in ids})} of {len(ids)} principals shown, a random id is {'shown' if nobody in found else 'left out'}")


def logged(azure):
    """The rows of the request log of seven days, by the query of `keyless keys usage`, and the whole answer."""
    query = (ROOT / "src/keys/usage/log.rs").read_text().split('const QUERY: &str = r#"')[1].split('"#;')[0]
    since, until = (moment(days) for days in (-7, 0))
    body = {"query": query.replace("{since}", since).replace("{until}", until), "timespan": f"{since}/{until}"}
    path = f"{azure.account}/providers/Microsoft.Insights/logs?api-version=2018-03-01-preview"
    if path not in azure.kept:
        azure.kept[path] = azure.send("POST", path, body, {"Prefer": "include-permissions=true"})
    answer = azure.kept[path]
    if "SEM0100" in json.dumps(answer.body):
        raise Nothing("no request log of the account has arrived in a workspace")
    body = {name.lower(): value for name, value in allowed(answer, "read the request log").body.items()}
    table = {name.lower(): value for name, value in (body.get("tables") or [{}])[0].items()}
    columns = [str(column.get("name") or column.get("ColumnName")).lower() for column in table.get("columns") or []]
    return [dict(zip(columns, row)) for row in table.get("rows") or []], body


def moment(days):
    """Midnight so many days from today."""
    day = datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=days)
    return f"{day}T00:00:00Z"


@probe("B3")
def calls_with_a_token_name_their_caller(azure):
    rows, _ = logged(azure)
    calls = {how: sum(row["calls"] for row in rows if row["how"] == how) for how in ("token", "key", "refused", "unclear")}
    seen = ", ".join(f"{count} {how}" for how, count in calls.items())
    if azure.body()["properties"].get("disableLocalAuth") is True and calls["key"]:
        return verdict(False, f"{seen}: calls succeeded without a caller although keys are off (unless they were turned off within these days)")
    if not calls["token"]:
        raise Nothing(f"no record with a caller in seven days ({seen})")
    return verdict(True, f"calls by who they are put down to: {seen}")


@probe("B6")
def log_and_metrics_count_the_same(azure):
    rows, _ = logged(azure)
    days = {}
    for row in rows:
        if not str(row["operation"]).endswith("_List"):
            days[row["day"][:10]] = days.get(row["day"][:10], 0) + row["calls"]
    counted = {}
    for name, points in metrics(azure).items():
        if name != "successfulcalls":
            for day, count in points.items():
                counted[day] = max(count, counted.get(day, 0))
    # The setting may have been made on the first day.
    compared = sorted(days)[1:] or sorted(days)
    if not compared:
        raise Nothing("no call in the log of seven days")
    here, there = sum(days[day] for day in compared), sum(counted.get(day, 0) for day in compared)
    return verdict(all(days[day] == counted.get(day, 0) for day in compared), f"{len(compared)} days: {here:.0f} calls in the log, {there:.0f} in the metrics")


@probe("B7")
def the_log_says_which_workspaces_it_left_out(azure):
    _, body = logged(azure)
    permissions = {name.lower(): value for name, value in (body.get("permissions") or {}).items()}
    is_there = isinstance(permissions.get("datasources"), list) and isinstance(permissions.get("resources"), list)
    return verdict(is_there, f"the answer has {'permissions.dataSources and permissions.resources' if is_there else 'no list of workspaces'}")


def metrics(azure):
    """Calls by metric and day, of seven days."""
    names = ("AzureOpenAIRequests", "ModelRequests", "TotalCalls", "SuccessfulCalls")
    path = f"{azure.account}/providers/Microsoft.Insights/metrics?api-version=2018-01-01&metricnames={','.join(names)}&timespan={moment(-7)}/{moment(0)}&interval=P1D&aggregation=Total"
    found = {}
    for metric in azure.read(path, "metrics").get("value") or []:
        points = [point for series in metric.get("timeseries") or [] for point in series.get("data") or []]
        found[metric["name"]["value"].lower()] = {point["timeStamp"][:10]: point.get("total") or 0 for point in points}
    missing = [name for name in names if name.lower() not in found]
    if missing:
        raise Skip(f"Azure does not show {few(missing)}")
    return found


@probe("D5")
def every_metric_is_shown(azure):
    answer = azure.get(f"{azure.account}/providers/Microsoft.Insights/metrics?api-version=2018-01-01&metricnames=AzureOpenAIRequests,ModelRequests,TotalCalls,SuccessfulCalls&timespan={moment(-7)}/{moment(0)}&interval=P1D&aggregation=Total")
    if answer.status in (401, 403):
        raise Skip(f"no right to read metrics ({answer})")
    if answer.status != 200:
        return verdict(False, f"the question for all four metrics is answered with {answer}")
    days = {name: len(points) for name, points in metrics(azure).items()}
    return verdict(True, "days shown of seven: " + ", ".join(f"{name} {count}" for name, count in sorted(days.items())))


@probe("B9")
def roles_are_told_from_deployments(azure):
    body = {"model": f"keyless-prove-{secrets.token_hex(4)}", "messages": [{"role": "user", "content": "Say yes."}], "max_tokens": 1}
    answer = azure.call("POST", "/openai/v1/chat/completions", body)
    is_known = (answer.status, answer.code) == (404, "DeploymentNotFound") or (answer.status in (401, 403) and answer.code == "PermissionDenied")
    return verdict(is_known, f"a deployment that does not exist is answered with {answer}")


@probe("B15")
def permissions_show_what_the_caller_may_do(azure):
    azure.body()
    is_shown = azure.may("Microsoft.CognitiveServices/accounts/read")
    return verdict(is_shown, f"the account was read, and accounts/read is {'' if is_shown else 'not '}among the permissions")


# Wrong plans.


@probe("C1")
def the_newest_version_is_there(azure):
    answer = azure.get(f"{azure.account}?api-version={VERSION}")
    if answer.status in (401, 403, 404):
        raise Skip(f"cannot read the account ({answer})")
    return verdict(answer.status == 200, f"{VERSION}: {answer}")


@probe("C2")
def a_refused_version_names_the_others(azure):
    answer = azure.get(f"{azure.account}?api-version=2020-01-01")
    if answer.status in (401, 403, 404):
        raise Skip(f"cannot read the account ({answer})")
    offered = answer.message.partition("supported")[2]
    known = answer.code in ("NoRegisteredProviderFound", "InvalidApiVersionParameter")
    count = len(re.findall(r"20\d\d-\d\d-\d\d", offered))
    return verdict(known and "2025-06-01" in offered, f"{answer}; it names {count} versions, {VERSION} {'among them' if VERSION in offered else 'not'}")


@probe("C3")
def every_setting_of_the_account_is_known(azure):
    code = "".join(path.read_text() for path in (ROOT / "src/kinds/account").glob("*.rs"))
    known = set(re.findall(r"[A-Za-z]+", " ".join(re.findall(r'"(?:/properties/|/)?([A-Za-z/]+)"', code)))) | {"properties"}
    body = azure.body()
    new = [name for part in (body, body["properties"]) for name in part if name not in known]
    return verdict(not new, f"{len(body['properties'])} settings" + (f"; not known: {few(new)}" if new else ", all known"))


@probe("C4")
def children_keep_tags(azure):
    found = filtered(azure)
    kept = {name: each["tags"] for name, each in found.items()}
    return verdict(all(kept.values()), ", ".join(f"{name}: {'kept' if tags else 'lost'}" for name, tags in kept.items()))


@probe("C5")
def a_filter_is_shown_as_written(azure):
    shown = filtered(azure)["content filter"]["properties"].get("contentFilters") or []
    return verdict(not shown, f"an empty list with a base is shown with {len(shown)} filters")


@probe("C6")
def deployments_show_what_they_can(azure):
    items = azure.children("deployments")
    if not items:
        raise Nothing("the account has no deployment")
    silent = [item for item in items if not item["properties"].get("capabilities")]
    unset = [item for item in items if not item["properties"].get("raiPolicyName")]
    return verdict(not silent, f"{len(items) - len(silent)} of {len(items)} show capabilities; {len(unset)} show no raiPolicyName")


@probe("C7")
def projects_show_their_parts(azure):
    items = azure.children("projects")
    if not items:
        raise Nothing("the account has no project")

    def is_whole(item):
        properties = item["properties"]
        return "/" in item["name"] and properties.get("endpoints") and re.fullmatch("[0-9a-f]{32}", str(properties.get("internalId")), re.I)

    whole = [item for item in items if is_whole(item)]
    return verdict(len(whole) == len(items), f"{len(whole)} of {len(items)} show account/project as name, endpoints, and 32 digits as internalId")


@probe("C8")
def connections_hide_their_secrets(azure):
    items = azure.children("connections")
    for project in azure.children("projects"):
        items += azure.children(f"projects/{project['name'].rsplit('/', 1)[-1]}/connections")
    if not items:
        raise Nothing("there is no connection")
    shown = [item for item in items if any((item["properties"].get("credentials") or {}).values())]
    return verdict(not shown, f"{len(shown)} of {len(items)} connections show a credential")


@probe("C9")
def quota_is_named_by_the_models(azure):
    offers = {(item["name"], item.get("version"), sku["name"]): sku.get("usageName") for item in azure.children("models") for sku in item.get("skus") or []}
    path = f"{azure.subscription}/providers/Microsoft.CognitiveServices/locations/{azure.location()}/usages?api-version={VERSION}"
    usages = {item["name"]["value"] for item in azure.all(path, "usages of the region")}
    items = azure.children("deployments")
    if not items:
        raise Nothing("the account has no deployment")
    keys = [(item["properties"]["model"]["name"], item["properties"]["model"].get("version"), item["sku"]["name"]) for item in items]
    known = [key for key in keys if offers.get(key) in usages]
    return verdict(len(known) == len(keys), f"{len(known)} of {len(keys)} deployments have a model, version and SKU whose quota the region lists")


@probe("C10")
def subdomains_can_be_asked_for(azure):
    own = azure.body()["properties"].get("customSubDomainName")
    if not own:
        raise Skip("the account has no subdomain")
    answers = []
    for name in (own, f"keyless-prove-{secrets.token_hex(8)}"):
        body = {"subdomainName": name, "type": "Microsoft.CognitiveServices/accounts"}
        answer = azure.send("POST", f"{azure.subscription}/providers/Microsoft.CognitiveServices/checkDomainAvailability?api-version={VERSION}", body)
        answers.append(allowed(answer, "ask for subdomains").body.get("isSubdomainAvailable"))
    return verdict(answers == [False, True], f"available: the account's own {answers[0]}, a new one {answers[1]}")


@probe("C11")
def policies_can_be_asked(azure):
    body = azure.body()
    content = {name: body[name] for name in ("name", "type", "location", "kind", "sku")}
    asked = {"resourceDetails": {"resourceContent": content, "apiVersion": VERSION}}
    answer = azure.send("POST", f"{azure.group}/providers/Microsoft.PolicyInsights/checkPolicyRestrictions?api-version=2022-03-01", asked)
    if answer.status in (401, 403):
        raise Skip(f"no right to ask about policies ({answer})")
    found = (answer.body.get("contentEvaluationResult") or {}).get("policyEvaluations")
    return verdict(answer.status == 200 and isinstance(found, list), f"{answer}; {len(found or [])} evaluations")


@probe("C12")
def locks_below_are_listed(azure):
    lists = [azure.all(f"{scope}/{AUTHORIZATION}/locks?api-version=2020-05-01", "locks") for scope in (azure.subscription, azure.account)]
    every, here = ({item["id"].lower() for item in items} for items in lists)
    below = {lock for lock in here | every if not re.match(r"/subscriptions/[^/]+/providers/", lock)}
    if not below:
        raise Nothing("there is no lock below the subscription")
    return verdict(here <= every, f"{len(here & every)} of {len(here)} locks that the account shows are in the subscription's list of {len(every)}")


@probe("C13")
def assignments_can_be_written_again(azure):
    found = granted(azure)
    right = found["again"] in (200, 201) and found["missing"] in (200, 204)
    return verdict(right, f"PUT {found['first']}, the same again {found['again']}; DELETE {found['gone']}, again {found['missing']}")


@probe("C14")
def filters_have_levels_or_not(azure):
    path = f"{azure.subscription}/providers/Microsoft.CognitiveServices/locations/{azure.location()}/raiContentFilters?api-version={VERSION}"
    found = {item["properties"]["name"].lower(): item["properties"].get("isMultiLevelFilter") for item in azure.all(path, "content filters of the region")}
    wanted = {"hate": True, "sexual": True, "violence": True, "selfharm": True, "jailbreak": False}
    wrong = [name for name, levels in wanted.items() if found.get(name) is not levels]
    return verdict(not wrong, f"{len(found)} filters" + (f"; other than believed: {few(wrong)}" if wrong else ", with levels as believed"))


@probe("C15")
def small_lists_are_there(azure):
    answers = {kind: azure.get(f"{azure.account}/{kind}?api-version={VERSION}") for kind in ("defenderForAISettings", "raiBlocklists")}
    if any(answer.status in (401, 403) for answer in answers.values()):
        raise Skip("no right to read them (403)")
    return verdict(all(answer.status == 200 for answer in answers.values()), ", ".join(f"{kind} {answer}" for kind, answer in answers.items()))


# Comfort.


@probe("D1")
def the_activity_log_names_callers(azure):
    since, until = moment(-89), moment(1)
    question = f"eventTimestamp ge '{since}' and eventTimestamp le '{until}' and resourceUri eq '{azure.account}'"
    body = azure.read(f"{azure.subscription}/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01&$filter={question}", "the activity log")
    events = body.get("value") or []
    if not events:
        raise Nothing("no event of the account in 89 days")
    claims = ("http://schemas.microsoft.com/identity/claims/objectidentifier", "appid", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn")
    named = [event for event in events if event.get("caller") or any((event.get("claims") or {}).get(claim) for claim in claims)]
    operations = {event["operationName"]["value"] for event in events}
    return verdict(named, f"{len(named)} of {len(events)} events name a caller; operations: {few(operations, 4)}")


@probe("D3")
def assigned_to_includes_the_callers_own(azure):
    caller = azure.caller()
    found = azure.all(f"{azure.subscription}/{AUTHORIZATION}/roleAssignments?api-version=2022-04-01&$filter=assignedTo('{caller}')", "the caller's roles")
    own = {item["id"].lower() for item in azure.assignments() if same(item["properties"]["principalId"], caller)}
    through = [item for item in found if not same(item["properties"]["principalId"], caller)]
    missing = own - {item["id"].lower() for item in found}
    if not found:
        raise Nothing("the caller has no role")
    return verdict(not missing, f"{len(found)} assignments, {len(through)} of them through groups; {len(missing)} of the caller's own are missing")


@probe("D4")
def a_project_lists_its_deployments(azure):
    projects = azure.children("projects")
    if not projects:
        raise Nothing("the account has no project")
    name = urllib.parse.quote(projects[0]["name"].rsplit("/", 1)[-1])
    answer = azure.call("GET", f"/api/projects/{name}/deployments?api-version=v1", project=True)
    is_list = answer.status == 200 and isinstance(answer.body.get("value"), list)
    return verdict(is_list or answer.code == "PermissionDenied", f"{answer}")


@probe("D6")
def roles_have_their_names_of_2026(azure):
    names = {
        "53ca6127-db72-4b80-b1b0-d745d6d5456d": "Foundry User",
        "c883944f-8b7b-4483-af10-35834be79c4a": "Foundry Owner",
        "e47c6f54-e4a2-4754-9501-8e0985b135e1": "Foundry Account Owner",
        "eadc314b-1a2d-4efa-be10-5d325db5065e": "Foundry Project Manager",
    }
    found = {item["name"].lower(): item["properties"]["roleName"] for item in azure.definitions()}
    other = [str(found.get(guid)) for guid, name in names.items() if found.get(guid) != name]
    return verdict(not other, f"{len(names) - len(other)} of {len(names)} have their new names" + (f"; others: {few(other)}" if other else ""))


# What is written.

FORGED = "00000000-1111-4222-8333-444444444444"


def once(function):
    """Does it once, for all probes that look at what came of it."""
    done = []

    def again(azure):
        if not done:
            try:
                done.append(function(azure))
            except Skip as why:
                done.append(why)
        if isinstance(done[0], Skip):
            raise done[0]
        return done[0]
    return again


@once
def granted(azure):
    """Gives the caller a role that lets it read usages, twice, and takes it back."""
    role = f"{azure.subscription}/{AUTHORIZATION}/roleDefinitions/bba48692-92b0-4667-a9ad-c31c7b334ac2"
    path = f"{azure.account}/{AUTHORIZATION}/roleAssignments/{uuid.uuid4()}?api-version=2022-04-01"
    body = {"properties": {"roleDefinitionId": role, "principalId": azure.caller(), "description": "keyless prove", "createdBy": FORGED}}
    first = azure.make(path, body)
    if first.status == 400:
        # A read-only property may be refused, which is as good.
        del body["properties"]["createdBy"]
        first = azure.make(path, body)
    if first.status not in (200, 201):
        raise Skip(f"cannot give the caller a role on the account ({first})")
    again = azure.send("PUT", path, body)
    author = azure.send("GET", path).body.get("properties", {}).get("createdBy")
    gone = azure.delete(path)
    missing = azure.send("DELETE", path)
    return {"first": first.status, "again": again.status, "author": author, "gone": gone.status, "missing": missing.status}


@once
def filtered(azure):
    """Makes a content filter and a blocklist, and deletes them."""
    name, tags = f"keyless-prove-{secrets.token_hex(4)}", {"keyless-stack": "prove"}
    things = {
        "content filter": ("raiPolicies", {"basePolicyName": "Microsoft.DefaultV2", "mode": "Blocking", "contentFilters": []}),
        "blocklist": ("raiBlocklists", {"description": "keyless prove"}),
    }
    found = {}
    for title, (kind, properties) in things.items():
        path = f"{azure.account}/{kind}/{name}?api-version={VERSION}"
        answer = azure.make(path, {"properties": properties, "tags": tags})
        if answer.status not in (200, 201):
            raise Skip(f"cannot make a {title} ({answer})")
        shown = azure.send("GET", path).body
        found[title] = {"properties": shown.get("properties") or {}, "tags": (shown.get("tags") or {}) == tags}
        azure.delete(path)
    return found


def beliefs():
    """The heading of each entry of the page."""
    return dict(re.findall(r"^### ([A-D]\d+): (.+)$", PAGE.read_text(), re.M))


def tried(azure, entry):
    try:
        return PROBES[entry](azure)
    except Skip as why:
        return SKIPPED, str(why)
    except Nothing as why:
        return NOTHING, str(why)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        # An answer of another shape.
        # Of other errors the text could hold what Azure answered.
        lacks = f", without {error}" if isinstance(error, KeyError) else ""
        return REFUTED, f"the answer has another shape than believed ({type(error).__name__}{lacks})"


def main():
    arguments = sys.argv[1:]
    if "--help" in arguments or "-h" in arguments:
        return print(__doc__)
    if arguments == ["--list"]:
        return print("\n".join(PROBES))
    endpoint = None
    if "--arm-endpoint" in arguments:
        at = arguments.index("--arm-endpoint")
        endpoint = (arguments[at + 1 :] or [""])[0]
        del arguments[at : at + 2]
    if set(arguments) - {"--writes"}:
        sys.exit(f"does not know {' '.join(arguments)}; tests/prove.py --help says more")
    # So that what was made is deleted.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    azure = Azure(endpoint, "--writes" in arguments)
    page, rows = beliefs(), []
    try:
        absent = azure.get(f"{azure.account}?api-version={VERSION}").status == 404
    except Skip:
        absent = False
    if absent:
        sys.exit("Azure shows no account of these names: nothing was tried")
    try:
        for entry in (entry for entry in page if entry in PROBES):
            print(f"{entry} ...", file=sys.stderr)
            rows.append((entry, page[entry], *tried(azure, entry)))
    finally:
        left = azure.clean()
        for path in left:
            print(f"could not delete {path}: delete it yourself", file=sys.stderr)
    host = urllib.parse.urlsplit(azure.endpoint).hostname
    where = f"`{host}`"
    if azure.sandbox:
        where = "SANDBOX (keyless's own imitation of Azure: this proves nothing about Azure)"
    elif azure.given:
        where = f"`{host}`, given by --arm-endpoint"
    git = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    print(f"Beliefs about Azure, tried on {where}, {moment(0)[:10]}, keyless {git.stdout.strip() or 'unknown'}, api-version {VERSION}\n")
    print("| entry | belief | result | seen |\n| --- | --- | --- | --- |")
    for entry, belief, result, seen in rows:
        print(f"| {entry} | {belief.replace('|', ' ')} | {f'**{result}**' if result == REFUTED else result} | {azure.shown(seen)} |")
    counts = [f"{sum(row[2] == result for row in rows)} {result}" for result in (BELIEVED, REFUTED, NOTHING, SKIPPED)]
    print(f"\n{len(rows)} tried: {', '.join(counts)}")
    sys.exit(bool(left) or any(row[2] == REFUTED for row in rows))


if __name__ == "__main__":
    main()
