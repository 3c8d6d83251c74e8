#!/usr/bin/env bash
# Applies in bad weather: 20 accounts and 200 assignments with three answers in ten replaced, KEYLESS_STORMS seeds (default 20); two
# applies at once, 60 times; 400 grants within the documented limits. Prints tables; fails if anything does not converge.
set -euo pipefail
for part in throttle race storm; do
    "$(dirname "$0")/it.sh" it --ignored --nocapture "faults::$part"
done
