#!/usr/bin/env python3
"""issue.py FOLDER: keeps one open issue for the drift of each stack and environment.

Drift opens it, or edits it in place; a comment is added only if what differs has changed, so that watchers hear of it once. A run without drift
closes it. A run that could not read everything leaves it as it is. ISSUE_LABELS: labels of a new issue, one a line. On Azure DevOps it is a work
item, of the type ISSUE_TYPE (Task).
"""

import hashlib
import json
import os
import sys

from api import main
from hosts import host

# Actions of changes that are drift.
DIFFER = {"create", "restore", "update", "delete", "adopt", "refused", "unmanaged-drift"}


def differences(document):
    """What differs, without what changes from run to run."""
    found = []
    for change in document.get("changes") or []:
        if change.get("action") not in DIFFER:
            continue
        fields = [[field.get(key) for key in ("path", "before", "after")] for field in change.get("fields") or []]
        found.append([change.get("action"), change.get("id") or change.get("address"), fields])
    return found


def digest(document):
    text = json.dumps(differences(document), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def first_line(markdown):
    """The counts of a result: its first bold line."""
    lines = [line for line in markdown.splitlines() if line.startswith("**")]
    return lines[0] if lines else ""


def issue(result):
    if result.command != "drift":
        return
    here = host()
    me, mine = here.me(), None
    for number, author, text in here.issues():
        if author == me and text.split("\n", 1)[0].strip() == result.marker():
            mine = (number, text)
            break
    document = result.document()
    # 1 outranks 2: something could not be read, and what could may differ all the same.
    drifted = result.exit_code == 2 or (result.exit_code == 1 and differences(document))
    seal = here.aside(f"differences={digest(document)}")
    body = result.body(f"{here.footer()}\n\n{seal}", here.longest, result.markdown)
    if drifted and mine is None:
        labels = [each.strip() for each in os.environ.get("ISSUE_LABELS", "").splitlines() if each.strip()]
        here.open_issue(f"Drift: {result.title()}", body, labels)
        print(f"{result.title()}: issue opened")
    elif drifted:
        here.edit_issue(mine[0], body)
        if seal not in mine[1]:
            here.say(mine[0], f"What differs has changed. {first_line(result.markdown)}\n\n{here.footer()}")
        print(f"{result.title()}: issue {mine[0]} edited")
    elif mine is not None and result.exit_code == 0:
        here.say(mine[0], f"No drift any more. {here.footer()}")
        here.close_issue(mine[0])
        print(f"{result.title()}: issue {mine[0]} closed")
    elif result.exit_code != 0:
        print(f"{result.title()}: drift could not be judged; issues stay as they are")
    else:
        print(f"{result.title()}: no drift, no issue")


if __name__ == "__main__":
    sys.exit(main(issue))
