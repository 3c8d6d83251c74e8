#!/usr/bin/env python3
"""newest.py: fails if the branch of this run has got commits since that touch what it was planned from.

SPECS: files and folders, one a line. ARGUMENTS: more arguments of keyless, one a line; files among them count too, and so does KEYLESS_VAR_FILE. All
are read in the checkout, from the folder in which keyless runs. What cannot be judged fails.
"""

import os
import sys

from api import WRONG, Failed, clean, told
from hosts import host


def lines(name, usual=""):
    return [line.strip() for line in (os.environ.get(name) or usual).splitlines() if line.strip()]


def root_of(path):
    """The repository in which a file is, or the folder of this run where git left no trace."""
    at = path
    while at != os.path.dirname(at):
        if os.path.exists(os.path.join(at, ".git")):
            return at
        at = os.path.dirname(at)
    return os.path.realpath(".")


def in_repository(path):
    """A path as the host names it; every name that it has, if it leads through a link."""
    for found in {os.path.normpath(os.path.join(os.path.realpath("."), path)), os.path.realpath(path)}:
        root = root_of(found)
        inside = os.path.relpath(found, root)
        if inside == ".." or inside.startswith("../") or not within(root):
            raise Failed(f"cannot judge whether `{clean(path)}` has changed: it is not in the checkout; nothing is applied")
        yield inside


def within(root):
    """Whether a repository is the one of this run: the only one of which the host is asked."""
    workspace = os.path.realpath(os.environ.get("GITHUB_WORKSPACE") or os.environ.get("CI_PROJECT_DIR") or ".")
    here = os.path.realpath(".")
    return root in (workspace, here) or here.startswith(root + "/") and root.startswith(workspace)


def watched():
    """Files and folders from which this run was planned."""
    for spec in lines("SPECS", "specs"):
        if not os.path.exists(spec):
            raise Failed(f"there is no `{clean(spec)}`; nothing is applied")
        # Files of variables and lock files lie beside a spec.
        yield from in_repository(spec if os.path.isdir(spec) else os.path.dirname(spec) or ".")
        if os.path.islink(spec) or not os.path.isdir(spec):
            yield from in_repository(spec)
            # Of a file that is a link: what lies beside the file itself.
            if not os.path.isdir(spec):
                yield from in_repository(os.path.dirname(os.path.realpath(spec)))
    for argument in lines("ARGUMENTS") + lines("KEYLESS_VAR_FILE"):
        value = argument.split("=", 1)[1] if argument.startswith("-") and "=" in argument else argument
        if os.path.exists(value):
            yield from in_repository(value)


def touches(name, path):
    """Whether a changed file is watched, or what is watched lies in what changed: a link or another repository."""
    name, path = name.lower(), path.lower()
    return path == "." or name == path or name.startswith(path + "/") or path.startswith(name + "/")


def newest():
    here = host()
    paths = set(watched())
    branch, names, is_whole = here.later()
    later = sorted({name for name in names if any(touches(name, path) for path in paths)})
    if later or not is_whole:
        what = f"changes {clean(', '.join(later[:5]))}" if later else "changes more files than the host shows"
        raise Failed(f"{branch} has moved on since {here.sha[:9]} and {what}: nothing is applied; approve the newest run instead")


if __name__ == "__main__":
    try:
        newest()
    except WRONG as error:
        print(f"newest.py: {told(error)}", file=sys.stderr)
        sys.exit(1)
