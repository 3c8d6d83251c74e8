#!/usr/bin/env python3
"""What each command costs as a fleet grows, next to a client that downloads and parses the same pages and does nothing else.

    cargo build --release --examples --bins && python3 benches/commands.py [SIZE ...]

SIZE is 1k, 11k or 110k (default: 1k 11k): accounts and ten times as many role assignments, in 1, 4 or 40 subscriptions. Everything is declared, in sync and
marked. Prints, as medians of RUNS (3): requests; dependent round trips, from the wall time with 0 and with 50 ms of latency; wall time with 0, 50 and 150 ms;
processor seconds; peak memory; and processor seconds for each resource, as a multiple of those of the first size. Machines differ and are noisy: read the ratios
of one run.
"""
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILT = os.path.join(ROOT, "target", "release")
KEYLESS = os.path.join(BUILT, "keyless")
NULL = os.path.join(BUILT, "examples", "null_client")
RUNS = int(os.environ.get("RUNS", "3"))
LATENCIES = [0, 50, 150]
# Subscriptions, and accounts and assignments in each.
SIZES = {"1k": (1, 100, 1000), "11k": (4, 250, 2500), "110k": (40, 250, 2500)}
COMMANDS = ["validate", "plan", "drift", "access", "outputs", "keys status"]
ENV = {"PATH": os.environ["PATH"], "KEYLESS_TOKEN": "bench"}


def subscription(number):
    return f"22222222-2222-2222-2222-{number:012d}"


def ask(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Authorization": "Bearer bench", "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=600) as answer:
        return json.load(answer)


def listed(url):
    while url:
        page = ask(url)
        yield from page["value"]
        url = page.get("nextLink")


class Sandbox:
    def __init__(self, state, latency=0):
        command = [KEYLESS, "sandbox", "serve", "--state", state, "--latency", str(latency)]
        self.process = subprocess.Popen(command, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = self.process.stdout.readline().split()[-1].rstrip("/")

    def __enter__(self):
        return self.url

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()


def mark(state):
    """Writes the stacks' marks into the state of a sandbox that has stopped."""
    with open(state, encoding="utf-8") as file:
        kept = json.load(file)

    def stack(path):
        return f"fleet-{path.split('/')[2][-4:]}"

    for path, account in kept["accounts"].items():
        account["tags"] = {**(account.get("tags") or {}), "keyless-stack": stack(path)}
    for assignment in kept["roleAssignments"]:
        said = assignment.get("properties", assignment)
        said["description"] = f"{said.get('description') or ''} [keyless:{stack(said['scope'])}]".lstrip()
    with open(state, "w", encoding="utf-8") as file:
        json.dump(kept, file)


def spec(origin, number):
    """One stack that declares what is there, as it is there."""
    providers = f"{origin}/subscriptions/{subscription(number)}/providers"
    accounts = [
        {
            "name": body["name"],
            "resourceGroup": body["id"].split("/")[4],
            "location": body["location"],
            "kind": body["kind"],
            "sku": body["sku"]["name"],
        }
        for body in listed(f"{providers}/Microsoft.CognitiveServices/accounts?api-version=2025-06-01")
    ]
    grants = [
        {
            "scope": body["properties"]["scope"],
            "role": body["properties"]["roleDefinitionId"].rsplit("/", 1)[1],
            "principals": [{"id": body["properties"]["principalId"], "type": body["properties"]["principalType"]}],
        }
        for body in listed(f"{providers}/Microsoft.Authorization/roleAssignments?api-version=2022-04-01")
    ]
    # JSON is YAML.
    return json.dumps(
        {
            "version": 1,
            "stack": f"fleet-{number:04d}",
            "subscription": subscription(number),
            "resourceGroup": accounts[0]["resourceGroup"],
            "location": "eastus2",
            "accounts": accounts,
            "roleAssignments": grants,
        }
    )


def prepared(folder, subscriptions, accounts, assignments):
    """The state of a sandbox, and a folder of specs that declare it."""
    state, specs = os.path.join(folder, "state.json"), os.path.join(folder, "specs")
    os.mkdir(specs)
    with Sandbox(state) as origin:
        for number in range(subscriptions):
            wanted = {"subscription": subscription(number), "accounts": accounts, "assignments": assignments, "seed": number + 1}
            ask(f"{origin}/_sandbox/seed", wanted)
        for number in range(subscriptions):
            with open(os.path.join(specs, f"s{number:04d}.yaml"), "w", encoding="utf-8") as file:
                file.write(spec(origin, number))
    # A second start writes the journal into the state.
    with Sandbox(state):
        pass
    mark(state)
    return state, specs


def prepare_apart(folder, *size):
    """The same in a process of its own: what a process that is started needs is never shown as less than what its parent had."""
    subprocess.run([sys.executable, __file__, "--prepare", folder, *map(str, size)], check=True)
    return os.path.join(folder, "state.json"), os.path.join(folder, "specs")


def measured(command):
    """Wall seconds, processor seconds, peak memory in MiB, and what it printed."""
    start = time.perf_counter()
    process = subprocess.Popen(command, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 2):
        sys.exit(f"{' '.join(command)}: exit code {code}\n{text[-2000:]}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text


def commands(origin, specs, folder, subscriptions):
    report = os.path.join(folder, "report.json")
    for name in COMMANDS:
        where = [] if name == "validate" else ["--arm-endpoint", origin]
        yield name, [KEYLESS, *name.split(), specs, *where, "--quiet", "--report", f"json={report}"], report
    ids = [subscription(number) for number in range(subscriptions)]
    yield "null client", [NULL, origin, *ids], None


def requests(report, text):
    if report is None:
        return int(text.split()[0])
    with open(report, encoding="utf-8") as file:
        made = json.load(file).get("requests")
    return made["reads"] + made["writes"] if made else 0


def main():
    for program in (KEYLESS, NULL):
        if not os.path.exists(program):
            sys.exit("build first: cargo build --release --examples --bins")
    if sys.argv[1:2] == ["--prepare"]:
        prepared(sys.argv[2], *map(int, sys.argv[3:]))
        return
    sizes = sys.argv[1:] or ["1k", "11k"]
    first = {}
    head = ["size", "command", "requests", "round trips", *(f"{each} ms" for each in LATENCIES), "CPU s", "MiB", "CPU/size"]
    print("".join(f"{word:>12}" for word in head))
    for size in sizes:
        subscriptions, accounts, assignments = SIZES[size]
        resources = subscriptions * (accounts + assignments)
        with tempfile.TemporaryDirectory() as folder:
            state, specs = prepare_apart(folder, subscriptions, accounts, assignments)
            rows = {}
            for latency in LATENCIES:
                with Sandbox(state, latency) as origin:
                    for name, command, report in commands(origin, specs, folder, subscriptions):
                        runs = [measured(command) for _ in range(RUNS)]
                        wall, cpu, memory = (statistics.median(run[column] for run in runs) for column in range(3))
                        row = rows.setdefault(name, {"walls": [], "cpu": cpu, "memory": memory})
                        row["walls"].append(wall)
                        row["requests"] = requests(report, runs[-1][3])
        for name, row in rows.items():
            trips = (row["walls"][1] - row["walls"][0]) / 0.05
            each = row["cpu"] / resources
            ratio = each / first.setdefault(name, each)
            cells = [size, name, row["requests"], f"{trips:.1f}", *(f"{wall:.2f}" for wall in row["walls"])]
            print("".join(f"{cell!s:>12}" for cell in [*cells, f"{row['cpu']:.2f}", f"{row['memory']:.0f}", f"{ratio:.2f}"]), flush=True)


main()
