#!/usr/bin/env bash
# 100,000 damaged inputs for each parser (KEYLESS_FUZZ for another number): no panic, bounded time. See tests/properties.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TARGET_DIR=${KEYLESS_PROPERTIES_TARGET:-target/properties}
export CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true
export KEYLESS_FUZZ=${KEYLESS_FUZZ:-100000}

cargo test --release --quiet --test it --lib --no-run
# Input that makes memory grow without end must fail a test and not the machine.
ulimit -v $((8 * 1024 * 1024))
cargo test --release --quiet --test it -- properties::fuzz --nocapture
cargo test --release --quiet --lib -- jumbled_filters --nocapture
