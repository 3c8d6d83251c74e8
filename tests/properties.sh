#!/usr/bin/env bash
# Runs the property tests of `cargo test` with more cases: generated cases for every property, a quarter of them also against
# tests/reference.py, and damaged inputs for each parser. KEYLESS_CASES (400) and KEYLESS_FUZZ (5,000) set how many, KEYLESS_FIRST_SEED (0)
# the first seed. The debug build checks for overflow.
set -euo pipefail
export KEYLESS_CASES=${KEYLESS_CASES:-400} KEYLESS_FUZZ=${KEYLESS_FUZZ:-5000}

echo "$KEYLESS_CASES cases, $KEYLESS_FUZZ damaged inputs, seeds from ${KEYLESS_FIRST_SEED:-0} on"
# Limits memory, so that input which makes it grow without end fails a test and not the machine.
ulimit -v $((8 * 1024 * 1024))
"$(dirname "$0")/it.sh" it properties:: --include-ignored --skip one_case_in_full --nocapture
"$(dirname "$0")/it.sh" lib jumbled_filters --nocapture
