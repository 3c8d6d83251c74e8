#!/usr/bin/env python3
"""notify.py teams|slack FOLDER: tells an incoming webhook (WEBHOOK) of drift. Without drift nothing is sent."""

import sys

from api import Failed, call, clean, need, results
from issue import differences


def lines(result):
    document = result.document()
    yield f"Drift: {result.title()}"
    for change in document.get("changes") or []:
        if not differences({"changes": [change]}):
            continue
        cause = change.get("causedBy") or {}
        who = f" ({cause['done']} by {cause.get('caller') or 'somebody'} at {cause.get('when', '')})" if cause.get("done") else ""
        yield clean(f"{change['action']}: {change['title']}{who}")


def message(kind, text):
    if kind == "slack":
        # No markup: names are data.
        return {"blocks": [{"type": "section", "text": {"type": "plain_text", "text": text[:3000]}}], "text": text.split("\n", 1)[0]}
    # A text run takes no markup either.
    parts = [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": line}]} for line in text.split("\n")[:40]]
    card = {"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": parts}
    return {"type": "message", "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}]}


def run(kind, folder):
    if kind not in ("teams", "slack"):
        raise Failed("the kind of webhook is `teams` or `slack`")
    for result in results(folder):
        if result.command == "drift" and (result.exit_code == 2 or differences(result.document())):
            call("POST", need("WEBHOOK"), {}, message(kind, "\n".join(lines(result))), shown="the webhook")
            print(f"{result.title()}: told {kind}")


if __name__ == "__main__":
    try:
        run(*sys.argv[1:])
    except (Failed, OSError, ValueError, KeyError, TypeError) as error:
        print(f"notify.py: {clean(str(error))}", file=sys.stderr)
        sys.exit(1)
