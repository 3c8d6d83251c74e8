"""What a browser makes of keyless's pages: no word on its console, no request, no script but the page's own, all of it by keyboard and by label.

In: KEYLESS, a folder for the pages, and the browser. Out: a line for each check; exit 1 if one is not as expected.
"""

import base64
import sys
from pathlib import Path

from browser import Browser
from world import ACCOUNTS, MEMBERS, PRINCIPALS, pages

CODES = {"access": 0, "keys": 2, "plan": 0, "wrong": 1, "applied": 0, "drift": 2, "few": 0, "three": 0}
LARGEST = 1_500_000
SLOWEST = 1.0

keyless, folder, path = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
failed = []


def check(page, what, expected, got):
    is_fine = expected(got) if callable(expected) else expected == got
    wanted = "" if is_fine or callable(expected) else f", expected {expected!r}"
    print(f"{'ok  ' if is_fine else 'FAIL'} {page:8} {what}: {got!r}{wanted}")
    if not is_fine:
        failed.append(f"{page}: {what}")


class Page:
    """A page as a browser shows it."""

    def __init__(self, browser, name, scheme):
        self.browser, self.name = browser, name
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.call("Emulation.setEmulatedMedia", media="", features=features)
        browser.call("Emulation.setDeviceMetricsOverride", width=1400, height=900, deviceScaleFactor=1, mobile=False)
        self.open()

    def open(self):
        # The end of the one before must not pass for the end of this one.
        self.browser.events.clear()
        self.browser.call("Page.navigate", url="about:blank")
        self.browser.wait("Page.loadEventFired")
        self.browser.settle(0.1)
        self.browser.events.clear()
        self.browser.call("Page.navigate", url=(folder / f"{self.name}.html").as_uri())
        self.browser.wait("Page.loadEventFired")

    def seconds(self):
        """How long it takes until the second frame after the page was there, in seconds of a core and by the clock: the best of five. What runs
        beside it on the machine does not count for the first."""
        frames = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"
        self.browser.call("Performance.enable", timeDomain="threadTicks")
        times = []
        for _ in range(5):
            self.open()
            clock = self.browser.run(frames) / 1000
            times.append((self.work(), clock))
        return [round(min(each), 3) for each in zip(*times)]

    def work(self):
        metrics = self.browser.call("Performance.getMetrics")["metrics"]
        return next(each["value"] for each in metrics if each["name"] == "TaskDuration")

    def run(self, script):
        return self.browser.run(script)

    def said(self):
        """What stands on the console, of the page or of the browser."""
        self.browser.settle()
        told = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [str(event["params"])[:300] for event in self.browser.events if event["method"] in told]

    def asked(self):
        """Requests beside the one for the page itself."""
        requests = [event for event in self.browser.events if event["method"] == "Network.requestWillBeSent"]
        urls = [event["params"]["request"]["url"] for event in requests]
        return [url[:200] for url in urls if not url.endswith(f"/{self.name}.html")]

    def nameless(self):
        """What can be used and has no name that a screen reader would say."""
        used = {"button", "checkbox", "textbox", "searchbox", "link", "region", "grid", "table"}
        nodes = self.browser.call("Accessibility.getFullAXTree")["nodes"]
        shown = [node for node in nodes if not node.get("ignored") and node["role"]["value"] in used]
        return [node["role"]["value"] for node in shown if not node.get("name", {}).get("value")]

    def type(self, id, text):
        self.run(f"{id}.focus()")
        self.browser.call("Input.insertText", text=text)

    def clear(self, id):
        self.run(f"{id}.value = ''; {id}.dispatchEvent(new Event('input'))")

    def picture(self, name):
        data = self.browser.call("Page.captureScreenshot", format="png")["data"]
        (folder / f"{name}.png").write_bytes(base64.b64decode(data))


def everywhere(page):
    """What holds of every page, when somebody has used it."""
    name = page.name
    check(name, "words on the console", [], page.said())
    check(name, "requests", [], page.asked())
    check(name, "ran text", None, page.run("typeof leaked === 'undefined' ? null : leaked"))
    check(name, "elements out of text", 0, page.run("document.querySelectorAll('img, svg, iframe, object, a[href^=javascript]').length"))
    check(name, "scripts", 1, page.run("document.scripts.length"))
    check(name, "without a label", [], page.nameless())
    wide = "document.documentElement.scrollWidth <= innerWidth"
    check(name, "fits the window", True, page.run(wide))


def reachable(page, limit):
    """By Tab: what has the focus at each stop."""
    page.run("document.activeElement.blur()")
    stops = []
    for _ in range(limit):
        page.browser.press("Tab")
        stop = page.run("(document.activeElement.id || document.activeElement.className || document.activeElement.tagName)")
        stops.append(stop)
    return stops


def access(page):
    name = page.name
    size = (folder / "access.html").stat().st_size
    check(name, "bytes", lambda bytes: bytes <= LARGEST, size)
    rows = "[...matrix.querySelectorAll('tbody tr:not(.kind)')].filter((row) => row.offsetParent).length"
    columns = "[...matrix.tHead.rows[0].cells].filter((cell) => cell.offsetParent).length - 1"
    check(name, "rows", PRINCIPALS + 1, page.run(rows))
    check(name, "columns", ACCOUNTS, page.run(columns))
    check(name, "accounts with keys", 10, page.run("matrix.querySelectorAll('thead [data-keys]').length"))
    page.type("filter", "group-005")
    check(name, "rows that hold `group-005`", 1, page.run(rows) - 1)
    check(name, "is said", f"1 of {PRINCIPALS} principals, {ACCOUNTS} of {ACCOUNTS} accounts shown", page.run("shown.textContent"))
    page.clear("filter")
    opened = "[...matrix.querySelectorAll('details.members[open] li')].filter((item) => item.getBoundingClientRect().height > 0).length"
    check(name, "members before a filter", 0, page.run(opened))
    page.type("filter", "user-001")
    # The user itself, and the groups that the user is in, each unfolded to that one member.
    found = page.run(rows) - 2
    check(name, "groups that `user-001` is in", lambda groups: groups > 0, found)
    check(name, "members shown", found, page.run(opened))
    page.clear("filter")
    check(name, "members after a filter", 0, page.run(opened))
    page.run("matrix.querySelector('details.members').closest('tr').cells[1].click()")
    page.browser.press("ArrowLeft")
    page.browser.press("Enter", "\r")
    check(name, "members that the keyboard unfolds", MEMBERS, page.run("[...document.activeElement.parentElement.querySelectorAll('li')].filter((item) => item.getBoundingClientRect().height > 0).length"))
    page.browser.press("Enter", "\r")
    page.browser.press("ArrowRight")
    check(name, "ArrowRight leads back", "TD", page.run("document.activeElement.tagName"))
    page.type("accounts", "models-07")
    check(name, "columns that hold `models-07`", 1, page.run(columns))
    page.clear("accounts")
    before = page.work()
    page.run("keyed.click(), matrix.offsetWidth")
    check(name, "seconds of a filter", lambda seconds: seconds < 0.5, round(page.work() - before, 3))
    check(name, "columns with keys on", 10, page.run(columns))
    page.run("keyed.click()")
    check(name, "columns again", ACCOUNTS, page.run(columns))
    nodes = page.browser.call("Accessibility.getFullAXTree")["nodes"]
    roles = [node["role"]["value"] for node in nodes if not node.get("ignored")]
    check(name, "rows that a screen reader knows", lambda count: count > PRINCIPALS, roles.count("row"))
    check(name, "columns that it knows", ACCOUNTS, roles.count("columnheader"))
    stops = reachable(page, 12)
    for stop in ("skip", "filter", "accounts", "keyed", "words"):
        check(name, f"Tab reaches `{stop}`", lambda all, stop=stop: stop in all, stops)
    page.run("matrix.querySelector('tbody:nth-of-type(2) td').click()")
    place = "[document.activeElement.parentElement.rowIndex, document.activeElement.cellIndex]"
    row, column = page.run(place)
    for key, to in [("ArrowRight", [0, 1]), ("ArrowDown", [1, 1]), ("ArrowLeft", [1, 0]), ("ArrowUp", [0, 0]), ("End", [0, ACCOUNTS - 1])]:
        page.browser.press(key)
        check(name, f"{key} moves", [row + to[0], column + to[1]], page.run(place))
    check(name, "one stop in the matrix", 1, page.run("matrix.querySelectorAll('[tabindex=\"0\"]').length"))
    check(name, "is told", lambda text: " on models-59: " in text, page.run("detail.textContent"))


def listed(page, word):
    items = "[...document.querySelectorAll('[data-item]')].filter((item) => item.offsetParent).length"
    before = page.run("document.querySelectorAll('[data-item]').length")
    page.type("filter", word)
    after = page.run(items)
    check(page.name, f"items that hold `{word}`", lambda count: 0 < count < before, after)
    page.clear("filter")


def printed(page):
    """On paper nothing is folded and nothing scrolls."""
    page.browser.call("Emulation.setEmulatedMedia", media="print")
    page.browser.call("Page.printToPDF", landscape=True)
    folded = "[...document.querySelectorAll('details:not([open]) > :not(summary)')].filter((each) => each.getBoundingClientRect().height === 0).length"
    check(page.name, "folded on paper", 0, page.run(folded))
    page.browser.call("Emulation.setEmulatedMedia", media="")


codes = pages(keyless, folder)
for name, code in CODES.items():
    check(name, "exit code", code, codes[name])
browser = Browser(path)
try:
    version = browser.run("navigator.userAgent")
    for name in CODES:
        for scheme in ("light", "dark"):
            page = Page(browser, name, scheme)
            if scheme == "light":
                check(name, "seconds of a core, and by the clock", lambda seconds: max(seconds) < SLOWEST, page.seconds())
                if name == "access":
                    access(page)
                elif name in ("plan", "few"):
                    listed(page, "models-01")
                elif name == "keys":
                    listed(page, "models-01")
                elif name == "drift":
                    listed(page, "mallory")
                everywhere(page)
                if name in ("plan", "few"):
                    printed(page)
            page.picture(f"{name}-{scheme}")
finally:
    browser.close()
print(version)
if failed:
    print("\n".join(["failed:", *failed]))
    sys.exit(1)
