#!/usr/bin/env python3
"""comment.py FOLDER: puts the plan of a pull request into one comment for each stack and environment.

The comment is found by its author, who must be whoever this token belongs to, and by the marker in its first line; so nobody else's comment is
edited, whatever it says. It is edited in place, also when the plan has become empty. An empty plan alone makes no comment.
"""

import sys

from api import main
from hosts import host


def comment(result):
    if result.command != "plan":
        return
    here = host()
    me, mine = here.me(), None
    for number, author, text in here.comments():
        if author == me and text.split("\n", 1)[0].strip() == result.marker():
            mine = number
            break
    body = result.body(here.footer(), here.longest, result.comment)
    if mine is None and result.exit_code == 0:
        print(f"{result.title()}: nothing changes, no comment")
    elif mine is None:
        here.add(body)
        print(f"{result.title()}: commented")
    else:
        here.edit(mine, body)
        print(f"{result.title()}: comment edited")


if __name__ == "__main__":
    sys.exit(main(comment))
