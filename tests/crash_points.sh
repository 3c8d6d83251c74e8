#!/usr/bin/env bash
# Kills applies before every request of every scene, and at each write after its effect and with the request arriving late, and lets
# the next apply end them. Prints a table; fails on the first point that does not end where an undisturbed apply ends.
# KEYLESS_CRASH_SEEDS (default 1) repeats all of it with other interleavings.
set -euo pipefail
exec "$(dirname "$0")/it.sh" it --ignored --nocapture faults::crash
