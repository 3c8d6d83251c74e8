#!/usr/bin/env python3
"""What a plan costs in time and memory as a subscription grows: every account and assignment declared, read and compared.

    cargo build --release && python3 benches/scale.py [ACCOUNTS ...]

Ten assignments for each account. Machines differ and are noisy: read the ratios of one run. A cost that grows as the subscription
does has a ratio near 1 in the last columns; one that grows with its square does not.
"""
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KEYLESS = os.path.join(ROOT, "target", "release", "keyless")
SIZES = [int(size) for size in sys.argv[1:]] or [500, 2000, 10000]
PER_ACCOUNT = 10
ACCOUNTS = "Microsoft.CognitiveServices/accounts"


def ask(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Authorization": "Bearer bench", "Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def listed(url):
    while url:
        page = ask(url)
        yield from page["value"]
        url = page.get("nextLink")


def spec(origin, subscription):
    """One stack that declares what is there, as it is there."""
    base = f"{origin}/subscriptions/{subscription}"
    accounts = [
        {
            "name": body["name"],
            "resourceGroup": body["id"].split("/")[4],
            "location": body["location"],
            "kind": body["kind"],
            "sku": body["sku"]["name"],
        }
        for body in listed(f"{base}/providers/{ACCOUNTS}?api-version=2025-06-01")
    ]
    grants = [
        {
            "scope": body["properties"]["scope"],
            "role": body["properties"]["roleDefinitionId"].rsplit("/", 1)[1],
            "principals": [{"id": body["properties"]["principalId"], "type": body["properties"]["principalType"]}],
        }
        for body in listed(f"{base}/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01")
    ]
    # JSON is YAML.
    return json.dumps({
        "version": 1,
        "stack": "scale",
        "subscription": subscription,
        "accounts": accounts,
        "roleAssignments": grants,
    })


def measured(command, env):
    """Seconds, peak memory in MiB, and what it printed last."""
    start = time.perf_counter()
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 2):
        sys.exit(f"{' '.join(command)}: exit code {code}\n{text[-2000:]}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024, text.strip().splitlines()[-2]


def run(size, folder, env):
    state = os.path.join(folder, f"{size}.json")
    sandbox = subprocess.Popen(
        [KEYLESS, "sandbox", "serve", "--state", state, "--listen", "127.0.0.1:0"], env=env, stdout=subprocess.PIPE, text=True
    )
    try:
        origin = next(word for line in sandbox.stdout for word in line.split() if word.startswith("http://"))
        ask(f"{origin}/_sandbox/seed", {"accounts": size, "assignments": size * PER_ACCOUNT, "seed": 1})
        subscription = ask(f"{origin}/subscriptions?api-version=2022-12-01")["value"][0]["subscriptionId"]
        path = os.path.join(folder, f"{size}.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(spec(origin, subscription))
        return measured([KEYLESS, "plan", path, "--arm-endpoint", origin], env)
    finally:
        sandbox.kill()


def main():
    if not os.path.exists(KEYLESS):
        sys.exit("build first: cargo build --release")
    env = {"PATH": os.environ["PATH"], "KEYLESS_TOKEN": "bench"}
    print(f"{'accounts':>9} {'assignments':>12} {'s':>7} {'MiB':>7} {'s/size':>7} {'MiB/size':>9}  ({SIZES[0]} is 1)")
    with tempfile.TemporaryDirectory() as folder:
        first = None
        for size in SIZES:
            seconds, memory, summary = run(size, folder, env)
            first = first or (size, seconds, memory)
            times = size / first[0]
            print(
                f"{size:>9} {size * PER_ACCOUNT:>12} {seconds:>7.2f} {memory:>7.0f}"
                f" {seconds / first[1] / times:>7.2f} {memory / first[2] / times:>9.2f}  {summary}"
            )


main()
