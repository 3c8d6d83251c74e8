#!/usr/bin/env bash
# The long form of tests/it/properties: 10,000 generated cases under every law, 2,000 of them against tests/reference.py, and
# 100,000 damaged inputs for each parser. Optimised, with checks for overflow and debug assertions, in a target folder of its own.
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TARGET_DIR=${KEYLESS_PROPERTIES_TARGET:-target/properties}
export CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true
export KEYLESS_CASES=${KEYLESS_CASES:-10000} KEYLESS_FUZZ=${KEYLESS_FUZZ:-100000}

cargo test --release --quiet --test it --lib --no-run
# Input that makes memory grow without end must fail a test and not the machine.
ulimit -v $((8 * 1024 * 1024))
cargo test --release --quiet --test it -- properties:: --nocapture
cargo test --release --quiet --lib -- jumbled_filters --nocapture
