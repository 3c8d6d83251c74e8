#!/usr/bin/env python3
"""newest.py: fails if the branch of this run has got commits that touch the specs since. GitHub only; SPECS: files and folders, one a line."""

import os
import sys
from urllib.parse import quote

from api import Failed, clean, need
from hosts import GitHub

# GitHub shows no more files of a comparison.
MOST = 300


def touched(files, specs):
    folders = [each.strip().removeprefix("./").rstrip("/") for each in specs]
    # Files of variables and lock files lie beside a spec.
    folders = [os.path.dirname(each) if each.endswith((".yaml", ".yml")) else each for each in folders]
    for file in files:
        for name in (file["filename"], file.get("previous_filename") or ""):
            if name and any(folder in ("", ".") or name == folder or name.startswith(folder + "/") for folder in folders):
                yield name


def newest():
    here = GitHub()
    sha, branch = need("GITHUB_SHA"), need("GITHUB_REF_NAME")
    if os.environ.get("GITHUB_REF_TYPE") != "branch":
        raise Failed("this run is not of a branch")
    compared = here.call("GET", f"/compare/{sha}...{quote(branch, safe='/')}")
    if compared["status"] == "identical":
        return
    if compared["status"] != "ahead":
        raise Failed(f"{branch} does not contain {sha[:9]} any more: nothing is applied")
    files = compared.get("files") or []
    specs = [line for line in (os.environ.get("SPECS") or "specs").splitlines() if line.strip()]
    later = sorted(set(touched(files, specs)))
    if later or len(files) >= MOST:
        what = f"changes {clean(', '.join(later[:5]))}" if later else f"changes {MOST} files or more"
        raise Failed(f"{branch} has moved on since {sha[:9]} and {what}: nothing is applied; approve the newest run instead")


if __name__ == "__main__":
    try:
        newest()
    except (Failed, OSError, KeyError, TypeError) as error:
        print(f"newest.py: {clean(str(error))}", file=sys.stderr)
        sys.exit(1)
