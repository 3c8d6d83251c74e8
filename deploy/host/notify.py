#!/usr/bin/env python3
"""notify.py teams|slack FOLDER: tells an incoming webhook (WEBHOOK) of drift. Without drift nothing is sent."""

import html
import re
import sys
import urllib.parse

from api import Failed, call, clean, main, members, need, told
from issue import first_line, is_drift

# More lines than anybody reads in a chat; Slack takes 3,000 characters.
LINES, LETTERS = 40, 3_000

WORDS = {"create": "missing", "restore": "soft-deleted", "delete": "extra", "unmanaged-drift": "extra"}


def line(change):
    cause = change.get("causedBy") if isinstance(change.get("causedBy"), dict) else {}
    who = f" ({cause['done']} by {cause.get('caller') or 'somebody'} at {cause.get('when', '')})" if cause.get("done") else ""
    names = [str(field.get("path")) for field in members(change.get("fields")) + members(change.get("omitted"))]
    action = WORDS.get(change.get("action"), "changed")
    what = f": {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}" if action == "changed" and names else ""
    return clean(f"{action}: {change.get('title') or change.get('id')}{what}{who}")


def lines(result):
    """The stack, the counts, and what differs: cut where a chat would cut it, and the last line says so."""
    bold = re.match(r"\*\*(.+?)\*\*", first_line(result.markdown))
    counts = [clean(re.sub(r"\\([!-/:-@[-`{-~])", r"\1", html.unescape(bold[1])))] if bold else []
    found = [f"Drift: {result.title()}", *counts]
    rest = [line(change) for change in result.changes if is_drift(change)]
    while rest and len(found) < LINES - 1 and sum(map(len, found)) + len(found) + len(rest[0]) < LETTERS - 100:
        found.append(rest.pop(0))
    return found + ([f"and {len(rest)} more: the run has all of them"] if rest else [])


def message(kind, texts):
    if kind == "slack":
        # No markup: names are data.
        return {"blocks": [{"type": "section", "text": {"type": "plain_text", "text": "\n".join(texts)}}], "text": texts[0]}
    # A text run takes no markup either.
    parts = [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text}]} for text in texts]
    card = {"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": parts}
    return {"type": "message", "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}]}


def webhook():
    """The URL of the webhook, which is a secret: no message says what is wrong with it in its own words."""
    url = need("WEBHOOK").strip()
    try:
        parts = urllib.parse.urlsplit(url)
        fits = parts.scheme in ("https", "http") and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if not fits or not re.fullmatch(r"[!-~]+", url):
        raise Failed("WEBHOOK is not a URL: it must begin with https:// and have no blanks in it")
    return url


def notify(kind):
    if kind not in ("teams", "slack"):
        raise Failed("the kind of webhook is `teams` or `slack`")

    def tell(result):
        if result.command == "drift" and (result.exit_code == 2 or any(map(is_drift, result.changes))):
            # Told twice is better than not at all.
            call("POST", webhook(), {}, message(kind, lines(result)), shown="the webhook", repeats=True)
            print(f"{result.title()}: told {kind}")

    return tell


if __name__ == "__main__":
    try:
        kind, folder = sys.argv[1:]
        sys.exit(main(notify(kind), folder))
    except (Failed, ValueError) as error:
        print(f"notify.py: {told(error)}", file=sys.stderr)
        sys.exit(1)
