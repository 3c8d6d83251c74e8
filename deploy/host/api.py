"""HTTP to the host of a repository, and what a job left for people. Python's standard library only.

Nothing of the repository runs here: a folder of results is read as data. Tokens are sent to the host's own API and printed nowhere.
"""

import http.client
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


class Unsure(Failed):
    """A write without an answer: it may have been done."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token elsewhere."""

    def redirect_request(self, *_):
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)
# For how many seconds a script waits for a busy host in all; jobs end after five minutes.
_PATIENCE = 200
_BEGUN = time.monotonic()


def call(method, url, headers, body=None, shown=None, repeats=None):
    """One request with JSON; tried again while the host is busy. Gives the answer's JSON, or nothing where it is none.

    `shown`: what messages call a URL that is a secret itself; of what went wrong they say no more than its kind. `repeats`: whether sending it
    twice is as good as once; of a POST it is not.
    """
    is_secret, shown = shown is not None, shown or url.split("?")[0]
    repeats = method != "POST" if repeats is None else repeats
    data = None if body is None else json.dumps(body).encode()
    fields = {"User-Agent": "keyless", "Accept": "application/json", "Content-Type": "application/json", **headers}
    if not re.fullmatch(r"https?://[!-~]+", url):
        # What Python says of it would show a part of it.
        raise Failed(f"{method} {shown}: not a URL, which begins with https:// and has no blanks")
    for attempt in range(5):
        wait, done = 2**attempt, True
        try:
            return _once(urllib.request.Request(url, data=data, method=method, headers=fields))
        except urllib.error.HTTPError as error:
            said = _message(_body(error))
            # Of an answer about a URL that is a secret, a code such as `no_service`: it may quote the rest.
            said = said if not is_secret or re.fullmatch(r"[a-z]{1,20}(_[a-z]{1,20}){0,4}", said) else ""
            told, limit = f"{method} {shown}: {error.code} {said}", _limit(error, said)
            if error.code not in (429, 500, 502, 503, 504) and limit is None:
                raise Failed(told) from None
            # What a limit refuses was not done.
            done = error.code >= 500
            wait = wait if limit is None else limit
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            why = getattr(error, "reason", error)
            if is_secret:
                why = getattr(why, "strerror", None) or type(why).__name__
            told = f"{method} {shown}: {clean(str(why))}"
        if done and not repeats:
            raise Unsure(told)
        if attempt == 4 or time.monotonic() + wait > _BEGUN + _PATIENCE:
            raise Failed(f"{told} (gave up after {attempt + 1} attempts)")
        time.sleep(wait)
    raise AssertionError("the last attempt returns or raises")


def _once(request):
    with _OPENER.open(request, timeout=30) as answer:
        text = answer.read()
        is_json = "json" in answer.headers.get("Content-Type", "") and text.strip()
    try:
        return json.loads(text) if is_json else None
    except (ValueError, RecursionError):
        raise Failed(f"{request.get_method()}: the answer is not JSON that can be read") from None


def _body(error):
    try:
        return error.read(2000).decode("utf-8", "replace")
    except (http.client.HTTPException, OSError):
        return ""


def _limit(error, said):
    """For how many seconds a host that limits requests asks to wait; nothing if it does not limit."""
    after = error.headers.get("Retry-After") or ""
    if after.isdigit() and (error.code in (403, 429) or error.code >= 500):
        return int(after)
    if error.code not in (403, 429):
        return None
    # GitHub's own limit has no Retry-After: the time is in another field.
    reset = error.headers.get("x-ratelimit-reset") or ""
    if error.headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
        return max(1, int(reset) - int(time.time()) + 1)
    # https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api: at least a minute.
    return 60 if "rate limit" in said else None


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


def members(value):
    """The objects of a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


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
        self.changes = self._changes()
        self.markdown = self._read("keyless.md", 1_000_000, "")
        # For more readers than the rest: nothing stands in for it.
        self.comment = self._read("comment.md", 1_000_000, "")

    def _read(self, name, most, missing=None):
        path = self.folder / name
        if path.is_symlink() or not path.is_file():
            if missing is None:
                raise Failed(f"there is no {name} in {self.folder}")
            return missing
        with path.open("rb") as file:
            return file.read(most).decode("utf-8", "replace")

    def _changes(self):
        """The changes of the plan or drift; none where the run ended before there was one."""
        try:
            found = json.loads(self._read("keyless.json", 100_000_000, "{}"))
        except (ValueError, RecursionError):
            return []
        return members(found.get("changes")) if isinstance(found, dict) else []

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


def folders(folder):
    """A folder of results, and those directly in it; artifacts are downloaded each into its own."""
    top = Path(folder)
    return [path.parent for path in [top / "run.json", *sorted(top.glob("*/run.json"))] if path.is_file()]


def told(error):
    return clean(str(error) if isinstance(error, Failed) else f"{type(error).__name__}: {error}")


# What a host or a file can make go wrong; anything else is a bug.
WRONG = (Failed, OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, http.client.HTTPException)


def main(run, folder=None):
    """Runs a function with each result; one that fails keeps none of the others back."""
    name = Path(sys.argv[0]).name
    if folder is None and len(sys.argv) != 2:
        print(f"usage: {name} FOLDER", file=sys.stderr)
        return 1
    found, code = folders(folder or sys.argv[1]), 0
    if not found:
        print("Nothing to say: no job left a result.")
    for each in found:
        try:
            run(Results(each))
        except WRONG as error:
            print(f"{name}: {each.name}: {told(error)}", file=sys.stderr)
            code = 1
    return code
