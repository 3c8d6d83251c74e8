#!/usr/bin/env bash
# Applies in bad weather: 20 accounts and 200 assignments with three answers in ten replaced, 20 seeds; two applies at once, 60
# times; 400 grants within the documented limits. Prints tables; fails if anything does not converge.
set -euo pipefail
cd "$(dirname "$0")/.."
for part in storm race throttle; do
    cargo test --quiet --test it -- --ignored --nocapture --test-threads 1 "faults::$part"
done
