"""Print the rows of the walks as a table; exit 1 if one is not ok, or if there are none."""

import sys

rows = [line.rstrip("\n").split("\t") for line in open(sys.argv[1], encoding="utf-8")]
clip = lambda text, width: text if len(text) <= width else text[: width - 1] + "…"
widths = (7, 58, 44, 44)
heads = ("client", "what", "expected", "got")
print("  ".join(head.ljust(width) for head, width in zip(heads, widths)) + "  ok")
for *cells, ok in rows:
    print("  ".join(clip(cell, width).ljust(width) for cell, width in zip(cells, widths)) + "  " + ok)
wrong = [row for row in rows if row[4] != "ok"]
for client, what, expected, got, _ in wrong:
    print(f"\nNOT OK {client}: {what}\n  expected {expected}\n  got      {clip(got, 1000)}")
print(f"\n{len(rows)} checks, {len(rows) - len(wrong)} ok, {len(wrong)} not ok, {sys.argv[2]} s")
sys.exit(1 if wrong or not rows else 0)
