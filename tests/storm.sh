#!/usr/bin/env bash
# Applies under failures: 20 accounts and 200 assignments with three of ten answers replaced, for KEYLESS_STORMS seeds (default 20); two
# concurrent applies, 60 times; 400 role assignments within the documented limits. Prints tables; fails if anything does not converge.
set -euo pipefail
for part in throttle race storm; do
    "$(dirname "$0")/it.sh" it --ignored --nocapture "faults::$part"
done
