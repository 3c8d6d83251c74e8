#!/usr/bin/env bash
# What `cargo test` tries a little of, at length: generated cases under every law, a quarter of them against tests/reference.py too, and
# damaged inputs for each parser. KEYLESS_CASES (400) and KEYLESS_FUZZ (5,000) are how many; KEYLESS_FIRST_SEED (0) is where their seeds
# begin. The debug build checks for overflow.
set -euo pipefail
export KEYLESS_CASES=${KEYLESS_CASES:-400} KEYLESS_FUZZ=${KEYLESS_FUZZ:-5000}

echo "$KEYLESS_CASES cases, $KEYLESS_FUZZ damaged inputs, seeds from ${KEYLESS_FIRST_SEED:-0} on"
# Input that makes memory grow without end must fail a test and not the machine.
ulimit -v $((8 * 1024 * 1024))
"$(dirname "$0")/it.sh" it properties:: --nocapture
"$(dirname "$0")/it.sh" lib jumbled_filters --nocapture
