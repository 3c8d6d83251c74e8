#!/usr/bin/env bash
# Runs the tests of `it` that `cargo test` leaves out because they take long, with every row. The gate (.ci/run) runs all tests with every row;
# `KEYLESS_ROWS=all cargo test` does so for the others.
#
#   tests/slow.sh [NAME...]
set -euo pipefail
export KEYLESS_ROWS=all
# These have scripts of their own, or are tools.
others=(
    sixty_times_two_applies_at_once
    every_crash_point
    many_storms
    four_hundred_grants_within_the_documented_limits
    exchanges_of_the_suite_keep_the_contract
    one_case_in_full
    inside_a_pipeline
)
for each in "${others[@]}"; do set -- "$@" --skip "$each"; done
exec "$(dirname "$0")/it.sh" it --ignored "$@"
