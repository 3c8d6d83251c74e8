#!/usr/bin/env bash
# Checks the traffic of the whole test suite and of the real clients against Azure's published API descriptions.
#
#   tests/contract.sh [--recorded]
#
# Runs the tests, whose sandboxes record into target/exchanges (--recorded: uses what is there). Then it checks every exchange against
# ../shared/openapi and prints the counts: checked, violations, exceptions (each cites a recording; at most 5 %). Exits 1 on any violation.
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
    # A failing test is reported elsewhere; what it recorded still counts.
    if ! { KEYLESS_ROWS=all cargo test --quiet --test it && tests/slow.sh; } >"$log" 2>&1; then
        echo "some tests failed; their traffic is checked all the same:"
        grep -E '^    [a-z_]+::' "$log" | sort -u || tail -5 "$log"
    fi
fi
tests/it.sh it exchanges_of_the_suite --ignored --nocapture
