#!/usr/bin/env bash
# The long tests of .ci/run at full size, with new seeds every night. Prints the first seed. A failure names its seed; to repeat it:
# KEYLESS_FIRST_SEED=N tests/properties.sh.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
export INSTA_UPDATE=no KEYLESS_ROWS=all
export KEYLESS_FIRST_SEED=${KEYLESS_FIRST_SEED:-$(date +%s)}
export PROPTEST_RNG_SEED=$KEYLESS_FIRST_SEED PROPTEST_CASES=${PROPTEST_CASES:-4096}
export KEYLESS_WORLDS=${KEYLESS_WORLDS:-20000}
export KEYLESS_CASES=${KEYLESS_CASES:-10000} KEYLESS_FUZZ=${KEYLESS_FUZZ:-100000}
export KEYLESS_CRASH_SEEDS=${KEYLESS_CRASH_SEEDS:-3} KEYLESS_STORMS=${KEYLESS_STORMS:-40}
echo "seeds from $KEYLESS_FIRST_SEED on"

failed=()
step() {
    echo "== $1"
    "${@:2}" || failed+=("$1")
}
step "tests, other random cases" cargo test
step "slow tests, other random cases" tests/slow.sh
step "properties, a second implementation, damaged input" tests/properties.sh
step "crash points" tests/crash_points.sh
step "storms, races, throttling" tests/storm.sh
step "checks of evidence about keys, weakened" tests/weaken.py
step "pages in a browser" tests/html.sh
step "files that users reference" tests/deploy.sh
step "a newcomer's path, from a clone" tests/newcomer.sh
step "release build" cargo build --release --quiet --bins --examples
step "time to start" python3 benches/startup.py
step "time and memory by size" python3 benches/commands.py 1k 11k

if ((${#failed[@]})); then
    printf 'failed: %s\n' "${failed[@]}"
    exit 1
fi
echo "all steps passed"
