#!/usr/bin/env bash
# Runs the tests of `it` with every row: `cargo test` takes only a few of those tests that go through many. The gate (.ci/run) takes every row.
#
#   tests/slow.sh [NAME...]
set -euo pipefail
export KEYLESS_ROWS=all
exec "$(dirname "$0")/it.sh" it "$@"
