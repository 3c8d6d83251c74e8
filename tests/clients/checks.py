"""How the walks in Python make rows of the table, and what they share."""

import os
import re

ARM, CA = os.environ["ARM"], os.environ["CA"]
TENANT, SUBSCRIPTION = os.environ["TENANT"], os.environ["SUBSCRIPTION"]
CLIENT_ID, CLIENT_SECRET = os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]
# The SDKs speak through requests.
os.environ["REQUESTS_CA_BUNDLE"] = CA
OPTIONS = {"base_url": ARM, "credential_scopes": [ARM + "/.default"]}


def check(client, what, expected, call):
    """A row: `expected` is a value, or an exception's code; `call` gives what came."""
    try:
        got = call()
    except Exception as error:  # every failure is a row
        detail = getattr(error, "error", None)
        code = getattr(detail, "code", None) or (re.match(r"\((\w+)\)", str(error)) or [None, None])[1]
        got = f"{type(error).__name__} {code}" if code else f"{type(error).__name__}: {error}"
    flat = lambda value: re.sub(r"\s+", " ", str(value))
    ok = "ok" if flat(got) == flat(expected) else "no"
    with open(os.environ["ROWS"], "a", encoding="utf-8") as rows:
        rows.write("\t".join([client, what, flat(expected), flat(got)[:400], ok]) + "\n")
    return got
