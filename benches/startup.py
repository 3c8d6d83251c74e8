#!/usr/bin/env python3
"""How long keyless takes to start and to plan, beside what the machine needs for nothing at all.

    cargo build --release && python3 benches/startup.py [RUNS]

Machines differ and are noisy: read the ratios of one run, not the milliseconds of two.
"""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KEYLESS = os.path.join(ROOT, "target", "release", "keyless")
RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 50


def median(command, env):
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def main():
    if not os.path.exists(KEYLESS):
        sys.exit("build first: cargo build --release")
    env = {"PATH": os.environ["PATH"]}
    nothing = median([shutil.which("true")], env)
    with tempfile.TemporaryDirectory() as folder:
        sandbox = f"--sandbox={folder}/state.json"
        spec = os.path.join(ROOT, "specs", "quickstart.yaml")
        subprocess.run([KEYLESS, "apply", spec, sandbox, "--yes", "-q"], env=env, check=True, stdout=subprocess.DEVNULL)
        rows = [
            ("true", nothing),
            ("keyless --help", median([KEYLESS, "--help"], env)),
            ("keyless validate, 1 account", median([KEYLESS, "validate", spec], env)),
            ("keyless plan, 1 account, sandbox included", median([KEYLESS, "plan", spec, sandbox], env)),
        ]
    print(f"median of {RUNS} runs")
    for name, value in rows:
        print(f"{name:45} {value:8.2f} ms   {value / nothing:6.1f} x")


if __name__ == "__main__":
    main()
