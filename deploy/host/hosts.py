"""GitHub, Azure DevOps and GitLab: who the job is, comments on its pull request, issues, later commits.

Each host gives `me`, `comments`, `add`, `edit`, and the same of issues. A comment or an issue is (id, author's id, text).
"""

import json
import os
from urllib.parse import quote

from api import Failed, call, link, need


class Paged:
    """A host whose lists come in numbered pages."""

    def aside(self, text):
        """What only these scripts read again."""
        return f"<!-- {text} -->"

    def pages(self, path):
        page = 1
        while True:
            found = self.call("GET", f"{path}{'&' if '?' in path else '?'}per_page=100&page={page}")
            yield from found
            if len(found) < 100:
                return
            page += 1


class GitHub(Paged):
    longest = 65_536

    def __init__(self):
        self.api = os.environ.get("GITHUB_API_URL", "https://api.github.com")
        self.graphql = os.environ.get("GITHUB_GRAPHQL_URL", "https://api.github.com/graphql")
        self.repository = need("GITHUB_REPOSITORY")
        self.headers = {
            "Authorization": f"Bearer {need('GITHUB_TOKEN')}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        self.run = f"{need('GITHUB_SERVER_URL')}/{self.repository}/actions/runs/{need('GITHUB_RUN_ID')}"
        self.sha = os.environ.get("GITHUB_SHA", "")
        self.login = ""

    def call(self, method, path, body=None):
        return call(method, f"{self.api}/repos/{self.repository}{path}", self.headers, body)

    def me(self):
        # GET /user is refused to the token of a job; `viewer` is its bot.
        query = {"query": "query { viewer { login databaseId } }"}
        answer = call("POST", self.graphql, self.headers, query, repeats=True)
        viewer = (answer.get("data") or {}).get("viewer") or {}
        if not viewer.get("databaseId"):
            raise Failed("GitHub does not say whose token GITHUB_TOKEN is")
        self.login = viewer["login"]
        return viewer["databaseId"]

    def pull_request(self):
        with open(need("GITHUB_EVENT_PATH"), encoding="utf-8") as file:
            event = json.load(file)
        if "pull_request" not in event:
            raise Failed("this run is not of a pull request")
        self.sha = event["pull_request"]["head"]["sha"]
        return int(event["pull_request"]["number"])

    def footer(self):
        return f"Commit {self.sha[:9]}, {link('run', self.run)}."

    def is_public(self):
        return not self.call("GET", "")["private"]

    def is_newest(self):
        """Whether the pull request has no later commit than this run."""
        self.number = self.pull_request()
        return self.call("GET", f"/pulls/{self.number}")["head"]["sha"] == self.sha

    def later(self):
        """What commits of the branch since this run's change: names of files, and whether these are all."""
        branch = need("GITHUB_REF_NAME")
        if os.environ.get("GITHUB_REF_TYPE") != "branch":
            raise Failed("this run is not of a branch")
        compared = self.call("GET", f"/compare/{self.sha}...{quote(branch, safe='/')}")
        if compared["status"] not in ("identical", "ahead"):
            raise Failed(f"{branch} does not contain {self.sha[:9]} any more: nothing is applied")
        files = compared.get("files") or []
        names = [name for each in files for name in (each["filename"], each.get("previous_filename")) if name]
        # GitHub shows no more files of a comparison.
        is_whole = len(files) < 300 and (compared["status"] == "identical" or isinstance(compared.get("files"), list))
        return branch, names, is_whole

    def comments(self):
        for each in self.pages(f"/issues/{self.number}/comments"):
            yield each["id"], (each.get("user") or {}).get("id"), each.get("body") or ""

    def add(self, text):
        self.call("POST", f"/issues/{self.number}/comments", {"body": text})

    def edit(self, comment, text):
        self.call("PATCH", f"/issues/comments/{comment}", {"body": text})

    def issues(self):
        for each in self.pages(f"/issues?state=open&creator={quote(self.login, safe='')}"):
            if "pull_request" not in each:
                yield each["number"], (each.get("user") or {}).get("id"), each.get("body") or ""

    def open_issue(self, title, text, labels):
        self.call("POST", "/issues", {"title": title, "body": text, **({"labels": labels} if labels else {})})

    def edit_issue(self, number, text):
        self.call("PATCH", f"/issues/{number}", {"body": text})

    def say(self, number, text):
        self.call("POST", f"/issues/{number}/comments", {"body": text})

    def said(self, number):
        return [each.get("body") or "" for each in self.pages(f"/issues/{number}/comments")]

    def close_issue(self, number):
        self.call("PATCH", f"/issues/{number}", {"state": "closed", "state_reason": "completed"})


class GitLab(Paged):
    longest = 1_000_000

    def __init__(self):
        self.project = f"{need('CI_API_V4_URL')}/projects/{need('CI_PROJECT_ID')}"
        # The token of a job may not write comments: this one is of the project, with the scope `api`.
        self.headers = {"PRIVATE-TOKEN": need("GITLAB_TOKEN")}
        self.run = os.environ.get("CI_PIPELINE_URL", "")
        self.sha = os.environ.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or os.environ.get("CI_COMMIT_SHA", "")

    def call(self, method, path, body=None):
        return call(method, self.project + path, self.headers, body)

    def me(self):
        self.user = call("GET", f"{need('CI_API_V4_URL')}/user", self.headers)["id"]
        return self.user

    def footer(self):
        return f"Commit {self.sha[:9]}, {link('pipeline', self.run)}."

    def is_public(self):
        return self.call("GET", "")["visibility"] == "public"

    def is_newest(self):
        return self.call("GET", f"/merge_requests/{int(need('CI_MERGE_REQUEST_IID'))}")["sha"] == self.sha

    def later(self):
        branch = need("CI_COMMIT_BRANCH")
        name = quote(branch, safe="")
        if self.call("GET", f"/repository/branches/{name}")["commit"]["id"] == self.sha:
            return branch, [], True
        if self.call("GET", f"/repository/merge_base?refs[]={self.sha}&refs[]={name}")["id"] != self.sha:
            raise Failed(f"{branch} does not contain {self.sha[:9]} any more: nothing is applied")
        compared = self.call("GET", f"/repository/compare?from={self.sha}&to={name}")
        diffs = compared["diffs"]
        # GitLab leaves diffs out above a limit of its own, and says so only of some.
        is_whole = not compared.get("compare_timeout") and 0 < len(diffs) < 300
        return branch, [each[key] for each in diffs for key in ("old_path", "new_path")], is_whole

    def comments(self):
        self.notes = f"/merge_requests/{int(need('CI_MERGE_REQUEST_IID'))}/notes"
        for each in self.pages(self.notes):
            yield each["id"], each["author"]["id"], each["body"]

    def add(self, text):
        self.call("POST", self.notes, {"body": text})

    def edit(self, comment, text):
        self.call("PUT", f"{self.notes}/{comment}", {"body": text})

    def issues(self):
        for each in self.pages(f"/issues?state=opened&author_id={self.user}"):
            yield each["iid"], each["author"]["id"], each.get("description") or ""

    def open_issue(self, title, text, labels):
        self.call("POST", "/issues", {"title": title, "description": text, "labels": ",".join(labels)})

    def edit_issue(self, number, text):
        self.call("PUT", f"/issues/{number}", {"description": text})

    def say(self, number, text):
        self.call("POST", f"/issues/{number}/notes", {"body": text})

    def said(self, number):
        return [each.get("body") or "" for each in self.pages(f"/issues/{number}/notes")]

    def close_issue(self, number):
        self.call("PUT", f"/issues/{number}", {"state_event": "close"})


def quoted(text):
    """A string in a query of work items."""
    return "'" + text.replace("'", "''") + "'"


class AzureDevOps:
    """Issues are work items: their marker is a tag, since a description may come back without its comments."""

    longest = 150_000

    def __init__(self):
        self.collection = need("SYSTEM_COLLECTIONURI").rstrip("/")
        self.project = f"{self.collection}/{quote(need('SYSTEM_TEAMPROJECT'), safe='')}"
        self.headers = {"Authorization": f"Bearer {need('SYSTEM_ACCESSTOKEN')}"}
        self.run = f"{self.project}/_build/results?buildId={need('BUILD_BUILDID')}"
        self.sha = os.environ.get("SYSTEM_PULLREQUEST_SOURCECOMMITID") or os.environ.get("BUILD_SOURCEVERSION", "")
        # A type that every process has.
        self.type = os.environ.get("ISSUE_TYPE") or "Task"

    def call(self, method, path, body=None, version="api-version=7.1", repeats=None):
        return call(method, f"{self.project}/_apis{path}?{version}", self.headers, body, repeats=repeats)

    def me(self):
        url = f"{self.collection}/_apis/connectionData?api-version=7.1-preview"
        return call("GET", url, self.headers)["authenticatedUser"]["id"]

    def footer(self):
        return f"Commit {self.sha[:9]}, {link('run', self.run)}."

    def aside(self, text):
        return f"({text})"

    def is_public(self):
        name = quote(need("SYSTEM_TEAMPROJECT"), safe="")
        return call("GET", f"{self.collection}/_apis/projects/{name}?api-version=7.1", self.headers)["visibility"] == "public"

    def repository(self):
        return f"/git/repositories/{quote(need('BUILD_REPOSITORY_ID'), safe='')}"

    def pull_request(self):
        return f"{self.repository()}/pullRequests/{int(need('SYSTEM_PULLREQUEST_PULLREQUESTID'))}"

    def is_newest(self):
        return self.call("GET", self.pull_request())["lastMergeSourceCommit"]["commitId"] == self.sha

    def later(self):
        branch = need("BUILD_SOURCEBRANCH").removeprefix("refs/heads/")
        versions = f"baseVersionType=commit&baseVersion={self.sha}&targetVersionType=branch&targetVersion={quote(branch, safe='')}"
        compared = self.call("GET", f"{self.repository()}/diffs/commits", version=f"{versions}&$top=1000&api-version=7.1")
        if compared["commonCommit"] != self.sha:
            raise Failed(f"{branch} does not contain {self.sha[:9]} any more: nothing is applied")
        changes = compared.get("changes") or []
        files = [each for each in changes if not each["item"].get("isFolder")]
        names = [name for each in files for name in (each["item"]["path"], each.get("sourceServerItem")) if name]
        return branch, [name.lstrip("/") for name in names], bool(compared.get("allChangesIncluded")) and len(changes) < 1000

    def comments(self):
        self.threads = f"{self.pull_request()}/threads"
        for thread in self.call("GET", self.threads)["value"]:
            for each in thread.get("comments") or []:
                if not thread.get("isDeleted") and not each.get("isDeleted"):
                    yield (thread["id"], each["id"]), each["author"]["id"], each.get("content") or ""

    def add(self, text):
        # An open thread would block the pull request where comments must be resolved.
        body = {"comments": [{"parentCommentId": 0, "content": text, "commentType": "text"}], "status": "closed"}
        self.call("POST", self.threads, body)

    def edit(self, comment, text):
        thread, number = comment
        self.call("PATCH", f"{self.threads}/{thread}/comments/{number}", {"content": text})

    def states(self, category):
        """The names that a process gives to states of a category, in the order of its work."""
        found = self.call("GET", f"/wit/workitemtypes/{quote(self.type, safe='')}/states")["value"]
        return [each["name"] for each in found if each["category"] == category]

    def issues(self):
        ended = ", ".join(quoted(each) for each in self.states("Completed") + self.states("Removed"))
        query = (
            "SELECT [System.Id] FROM WorkItems WHERE [System.TeamProject] = @project AND [System.Tags] CONTAINS 'keyless'"
            f" AND [System.WorkItemType] = {quoted(self.type)} AND [System.State] NOT IN ({ended}) ORDER BY [System.Id]"
        )
        ids = [each["id"] for each in self.call("POST", "/wit/wiql", {"query": query}, repeats=True)["workItems"]]
        fields = ["System.CreatedBy", "System.Description", "System.Tags"]
        for at in range(0, len(ids), 200):
            batch = self.call("POST", "/wit/workitemsbatch", {"ids": ids[at : at + 200], "fields": fields}, repeats=True)
            for item in batch["value"]:
                held = item["fields"]
                tags = [each.strip() for each in held.get("System.Tags", "").split(";")]
                marker = next((each for each in tags if each.startswith("keyless ")), "")
                yield item["id"], held["System.CreatedBy"]["id"], f"<!-- {marker} -->\n{held.get('System.Description') or ''}"

    def patch(self, method, path, fields):
        """Writes fields of a work item; a description is Markdown only if that is said with each write."""
        steps = [{"op": "add", "path": f"/fields/{name}", "value": value} for name, value in fields.items()]
        if "System.Description" in fields:
            steps.append({"op": "add", "path": "/multilineFieldsFormat/System.Description", "value": "Markdown"})
        headers = {**self.headers, "Content-Type": "application/json-patch+json"}
        call(method, f"{self.project}/_apis/wit/workitems/{path}?api-version=7.1", headers, steps)

    def open_issue(self, title, text, labels):
        marker, text = text.split("\n", 1)
        tags = ["keyless", marker.removeprefix("<!-- ").removesuffix(" -->"), *labels]
        fields = {"System.Title": title, "System.Description": text, "System.Tags": "; ".join(tags)}
        self.patch("POST", f"${quote(self.type, safe='')}", fields)

    def edit_issue(self, number, text):
        self.patch("PATCH", number, {"System.Description": text.split("\n", 1)[1]})

    def say(self, number, text):
        # Format 0 is Markdown.
        self.call("POST", f"/wit/workItems/{number}/comments", {"text": text}, "format=0&api-version=7.1-preview.4")

    def said(self, number):
        found = self.call("GET", f"/wit/workItems/{number}/comments", version="api-version=7.1-preview.4")
        return [each.get("text") or "" for each in found["comments"]]

    def close_issue(self, number):
        self.patch("PATCH", number, {"System.State": self.states("Completed")[0]})


def host():
    """The host that this job runs on."""
    if os.environ.get("GITHUB_ACTIONS"):
        return GitHub()
    if os.environ.get("GITLAB_CI"):
        return GitLab()
    if os.environ.get("TF_BUILD"):
        return AzureDevOps()
    raise Failed("this is a job neither of GitHub Actions, nor of GitLab CI, nor of Azure Pipelines")
