#!/usr/bin/env python3
"""issue.py FOLDER: keeps one open issue for the drift of each stack and environment.

Drift opens it, or edits it in place; a comment is added only if what differs has changed, so that watchers hear of it once. A run without drift
closes it. A run that could not read everything leaves it as it is. In a public project it says no more than a comment does.

ISSUE_LABELS: labels of a new issue, one a line. On Azure DevOps it is a work item, of the type ISSUE_TYPE (Task).
"""

import hashlib
import json
import os
import sys

from api import Unsure, main, members
from hosts import host

# Actions of changes that are drift.
DIFFER = {"create", "restore", "update", "delete", "adopt", "refused", "unmanaged-drift"}


def is_drift(change):
    """Whether a resource differs. What a spec omits can differ too: API keys that somebody turned on."""
    return change.get("action") in DIFFER or bool(change.get("omitted"))


def differences(changes):
    """What differs, without what changes from run to run."""

    def values(change, name):
        return [[field.get(key) for key in ("path", "before", "after")] for field in members(change.get(name))]

    def of(change):
        # Of what no spec declares only a fingerprint tells that it changed again.
        base = change.get("base") if change.get("action") == "unmanaged-drift" else None
        name = change.get("id") or change.get("address")
        return [change.get("action"), name, base, values(change, "fields"), values(change, "omitted")]

    return [of(change) for change in changes if is_drift(change)]


def digest(changes):
    text = json.dumps(differences(changes), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def first_line(markdown):
    """The counts of a result: its first bold line."""
    lines = [line for line in markdown.splitlines() if line.startswith("**")]
    return lines[0] if lines else ""


def once(write, is_there):
    """Writes, and once more if there was no answer and it is not there."""
    try:
        write()
    except Unsure:
        if not is_there():
            write()


def issue(result):
    if result.command != "drift":
        return
    here = host()
    me = here.me()

    def mine():
        found = [(number, text) for number, author, text in here.issues() if author == me]
        return sorted((number, text) for number, text in found if text.split("\n", 1)[0].strip() == result.marker())

    def say(number, text):
        once(lambda: here.say(number, text), lambda: any(said.strip() == text.strip() for said in here.said(number)))

    found = mine()
    # 1 outranks 2: something could not be read, and what could may differ all the same.
    drifted = result.exit_code == 2 or (result.exit_code == 1 and differences(result.changes))
    seal = here.aside(f"differences={digest(result.changes)}")
    # Everybody reads an issue of a public project.
    text = result.comment if here.is_public() else result.markdown
    body = result.body(f"{here.footer()}\n\n{seal}", here.longest, text)
    if drifted and not found:
        labels = [each.strip() for each in os.environ.get("ISSUE_LABELS", "").splitlines() if each.strip()]
        once(lambda: here.open_issue(f"Drift: {result.title()}", body, labels), mine)
        print(f"{result.title()}: issue opened")
    elif drifted:
        number, before = found[0]
        # First of all: once the seal is there, no later run tells it.
        if seal not in before:
            say(number, f"What differs has changed. {first_line(text)}\n\n{here.footer()}")
        here.edit_issue(number, body)
        print(f"{result.title()}: issue {number} edited")
        for other, _ in found[1:]:
            here.close_issue(other)
    elif found and result.exit_code == 0:
        for number, _ in found:
            say(number, f"No drift any more. {here.footer()}")
            here.close_issue(number)
            print(f"{result.title()}: issue {number} closed")
    elif result.exit_code != 0:
        print(f"{result.title()}: drift could not be judged; issues stay as they are")
    else:
        print(f"{result.title()}: no drift, no issue")


if __name__ == "__main__":
    sys.exit(main(issue))
