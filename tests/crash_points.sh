#!/usr/bin/env bash
# Kills `apply` before every request of every scene, and at each write both after its effect and with the request arriving late. The next
# apply must then reach the same state as an undisturbed one. Prints a table; fails at the first point that does not.
# KEYLESS_CRASH_SEEDS (default 1) is how many interleavings to try.
set -euo pipefail
exec "$(dirname "$0")/it.sh" it --ignored --nocapture faults::crash
