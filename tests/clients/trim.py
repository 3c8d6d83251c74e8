"""Make a transcript of the sandbox's small and lasting: `trim.py RECORDED KEPT`.

Kept are method, path, the headers that an answer depends on, the client's name, bodies and status. Lists lose the items that add nothing to
the list's shape. The activity log's calls are left out, as they ask for a window of time around the recording.
"""

import json
import sys
from urllib.parse import quote, urlsplit

REQUEST_HEADERS = ("content-type", "metadata", "x-identity-header")
RESPONSE_HEADERS = ("azure-asyncoperation", "content-type", "location", "retry-after")
LEFT_OUT = ("/providers/microsoft.insights/eventtypes/",)


def shape(value, at=""):
    """Every path with its JSON type, list items counted together."""
    kind = type(value).__name__
    found = {(at, kind)}
    if isinstance(value, dict):
        for name, item in value.items():
            found |= shape(item, f"{at}/{name}")
    if isinstance(value, list):
        for item in value:
            found |= shape(item, f"{at}/*")
    return found


def trimmed(value):
    if isinstance(value, dict):
        return {name: trimmed(item) for name, item in value.items()}
    if isinstance(value, list):
        items, seen = [], set()
        for item in map(trimmed, value):
            if not (new := shape(item)) <= seen:
                items.append(item)
                seen |= new
        return items
    return value


def kept(headers, names):
    return {name: headers[name] for name in names if name in headers}


def client(exchange):
    """Who asked, without the versions of everything below it."""
    agent = exchange["request_headers"].get("user-agent", "").split(" ")[0]
    return {"user-agent": agent} if agent else {}


def exchange_host(exchange):
    return exchange["request_headers"].get("host", "")


def main(source, target):
    lines, left_out = [], 0
    for line in open(source, encoding="utf-8"):
        exchange = json.loads(line)
        url = urlsplit(exchange["url"])
        if any(part in url.path.lower() for part in LEFT_OUT):
            left_out += 1
            continue
        text = json.dumps(
            {
                "method": exchange["method"],
                "url": url.path + ("?" + url.query if url.query else ""),
                "request_headers": kept(exchange["request_headers"], REQUEST_HEADERS) | client(exchange),
                "request_body": exchange["request_body"],
                "status": exchange["status"],
                "response_headers": kept(exchange["response_headers"], RESPONSE_HEADERS),
                "response_body": trimmed(exchange["response_body"]),
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )
        # The run's own address, as text and inside a form.
        for host in filter(None, (exchange_host(exchange), quote(exchange_host(exchange)))):
            text = text.replace(host, "sandbox")
        lines.append(text)
    with open(target, "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)
    print(f"{target}: {len(lines)} exchanges, {left_out} left out, {sum(map(len, lines)) // 1024} KiB", file=sys.stderr)


main(*sys.argv[1:])
