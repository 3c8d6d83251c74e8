"""HTTP to the host of a repository, and what a job left for people. Python's standard library only.

Nothing of the repository runs here: a folder of results is read as data. Tokens are sent to the host's own API and printed nowhere.
"""

import json
import os
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path


class Failed(Exception):
    """What ends the job, in words."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token elsewhere."""

    def redirect_request(self, *_):
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)
_LONGEST = 30


def call(method, url, headers, body=None, shown=None):
    """One request with JSON; tried again while the host is busy. Gives the answer's JSON, or nothing where it is none.

    `shown`: what messages call a URL that is a secret itself.
    """
    shown = shown or url.split("?")[0]
    data = None if body is None else json.dumps(body).encode()
    fields = {"User-Agent": "keyless", "Accept": "application/json", "Content-Type": "application/json", **headers}
    for attempt in range(5):
        request = urllib.request.Request(url, data=data, method=method, headers=fields)
        try:
            with _OPENER.open(request, timeout=30) as answer:
                text = answer.read()
                return json.loads(text) if "json" in answer.headers.get("Content-Type", "") and text.strip() else None
        except urllib.error.HTTPError as error:
            said = error.read(2000).decode("utf-8", "replace")
            again = error.code in (429, 502, 503, 504) or (error.code == 403 and error.headers.get("Retry-After"))
            if not again or attempt == 4:
                raise Failed(f"{method} {shown}: {error.code} {_message(said)}") from None
            wait = error.headers.get("Retry-After") or ""
            time.sleep(min(int(wait) if wait.isdigit() else 2**attempt, _LONGEST))
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            # A write without an answer may have been done: once more could be twice.
            if method != "GET" or attempt == 4:
                raise Failed(f"{method} {shown}: {getattr(error, 'reason', error)}") from None
            time.sleep(2**attempt)
    raise AssertionError("the last attempt returns or raises")


def _message(text):
    try:
        said = json.loads(text)
        text = said.get("message") or said.get("error") or text
    except (ValueError, AttributeError):
        pass
    return clean(str(text))[:300]


def clean(text):
    """One line that commands nothing in a log."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text.replace("##", "# #").replace("::", ": :")


def need(name):
    value = os.environ.get(name, "")
    if not value:
        raise Failed(f"the environment variable {name} is not set")
    return value


def link(text, url):
    return f"[{text}]({url})" if url.startswith(("https://", "http://")) else text


class Results:
    """A folder that run.sh wrote."""

    def __init__(self, folder):
        self.folder = Path(folder)
        ran = json.loads(self._read("run.json", 10_000))
        name = re.compile(r"[A-Za-z0-9._-]*")
        self.command, self.stack, self.environment = (str(ran[key]) for key in ("command", "stack", "environment"))
        for each in (self.command, self.stack, self.environment):
            if not name.fullmatch(each):
                raise Failed(f"run.json holds `{clean(each)}`, which is no name")
        self.exit_code = int(ran["exitCode"])
        self.markdown = self._read("keyless.md", 1_000_000, "")
        # For more readers than the rest: what it leaves out stands in the other one.
        self.comment = self._read("comment.md", 1_000_000, "") or self.markdown

    def _read(self, name, most, missing=None):
        path = self.folder / name
        if path.is_symlink() or not path.is_file():
            if missing is None:
                raise Failed(f"there is no {name} in {self.folder}")
            return missing
        with path.open("rb") as file:
            return file.read(most).decode("utf-8", "replace")

    def document(self):
        """The plan or drift as JSON; nothing where the run ended before there was one."""
        try:
            found = json.loads(self._read("keyless.json", 100_000_000, "{}"))
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def marker(self):
        return f"<!-- keyless {self.command}: stack={self.stack} environment={self.environment} -->"

    def title(self):
        return f"stack {self.stack}" + (f", {self.environment}" if self.environment else "")

    def body(self, footer, longest, text):
        """Marker, result and footer, with no more characters than the host takes."""
        text = text.strip() or f"## keyless {self.command}: no result\n\nThe run ended before there was one; its log says why."
        room = longest - len(self.marker()) - len(footer) - 200
        if len(text) > room:
            kept = text[:room].rsplit("\n", 1)[0]
            # What was open stays open no longer.
            folds = kept.count("<details>") - kept.count("</details>")
            text = kept + "\n" + "\n</details>\n" * folds + "\n**Cut here:** the artifact of the run has all of it."
        return f"{self.marker()}\n{text}\n\n{footer}\n"


def results(folder):
    """The results in a folder and in the folders directly in it; artifacts are downloaded each into its own."""
    top = Path(folder)
    found = [path.parent for path in [top / "run.json", *sorted(top.glob("*/run.json"))] if path.is_file()]
    return [Results(path) for path in found]


def main(run):
    if len(sys.argv) != 2:
        print(f"usage: {Path(sys.argv[0]).name} FOLDER", file=sys.stderr)
        return 1
    try:
        found = results(sys.argv[1])
        if not found:
            print("Nothing to say: no job left a result.")
        for each in found:
            run(each)
    except (Failed, OSError, ValueError, KeyError, TypeError) as error:
        said = str(error) if isinstance(error, Failed) else f"{type(error).__name__}: {error}"
        print(f"{Path(sys.argv[0]).name}: {clean(said)}", file=sys.stderr)
        return 1
    return 0
