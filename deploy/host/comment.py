#!/usr/bin/env python3
"""comment.py FOLDER: puts the plan of a pull request into one comment for each stack and environment.

The comment is found by its author, who must be whoever this token belongs to, and by the marker in its first line; so nobody else's comment is
edited, whatever it says. It is edited in place, also when the plan has become empty. An empty plan alone makes no comment. A run of a commit that
is not the newest of the pull request any more says nothing.
"""

import sys

from api import Unsure, main
from hosts import host


def comment(result):
    if result.command != "plan":
        return
    here = host()
    me = here.me()
    if not here.is_newest():
        print(f"{result.title()}: the pull request has a newer commit, whose own run comments")
        return

    def mine():
        found = [(number, text) for number, author, text in here.comments() if author == me]
        return [number for number, text in found if text.split("\n", 1)[0].strip() == result.marker()]

    # Two can be there if an answer got lost once: none of them may say what is no longer so.
    found = mine()
    body = result.body(here.footer(), here.longest, result.comment)
    if not found and result.exit_code == 0:
        print(f"{result.title()}: nothing changes, no comment")
        return
    if not found:
        try:
            here.add(body)
        except Unsure:
            if not mine():
                here.add(body)
        print(f"{result.title()}: commented")
        return
    for number in found:
        here.edit(number, body)
    print(f"{result.title()}: comment edited")


if __name__ == "__main__":
    sys.exit(main(comment))
