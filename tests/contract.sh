#!/usr/bin/env bash
# The contract of Azure's published descriptions over the traffic of the whole test suite and of the real clients.
#
#   tests/contract.sh [--recorded]
#
# Runs the tests, whose sandboxes record into target/exchanges (--recorded: takes what is there), then holds every exchange against ../shared/openapi and
# prints the counts: checked, violations, exceptions (each cites a recording; at most 5 %). Exits 1 on any violation.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ ! -d ../shared/openapi ]]; then
    echo "SKIPPED the contract: ../shared is not here"
    exit 0
fi
if [[ ${1:-} != --recorded ]]; then
    rm -rf "${CARGO_TARGET_DIR:-target}/exchanges"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    # A test that fails has its own place to be seen; what was recorded until then still counts.
    if ! cargo test --quiet --test it >"$log" 2>&1; then
        echo "some tests failed; their traffic is checked all the same:"
        grep -E '^    [a-z_]+::' "$log" | sort -u || tail -5 "$log"
    fi
fi
tests/it.sh it exchanges_of_the_suite --ignored --nocapture
