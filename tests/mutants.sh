#!/usr/bin/env bash
# Mutation testing of the code that decides about deletes, access and retries: every mutation must make a test fail.
# Needs cargo-mutants (cargo install cargo-mutants). `tests/mutants.sh guards` runs one group; without arguments all of them.
# Prints the surviving mutations. tests/mutants.txt lists the known ones with their reasons.
set -euo pipefail
cd "$(dirname "$0")/.."

out=${KEYLESS_MUTANTS_OUT:-target/mutants}
export CARGO_PROFILE_DEV_DEBUG=0 INSTA_UPDATE=no
# The mutated copy is beside this tree, so that its tests find ../shared.
TMPDIR=$(cd .. && pwd)
export TMPDIR

# run GROUP TARGETS TESTS FILE...: the fewer targets are built and the sharper the tests, the sooner it ends.
run() {
    local group=$1 targets=$2 tests=$3
    shift 3
    local files=() arguments=()
    for target in $targets; do arguments+=("--cargo-test-arg=$target"); done
    for file in "$@"; do files+=(--file "$file"); done
    mkdir -p "$out/$group"
    # shellcheck disable=SC2086 # several filters
    cargo mutants "${files[@]}" --output "$out/$group" --timeout 120 --no-shuffle --jobs "${KEYLESS_MUTANTS_JOBS:-1}" \
        "${arguments[@]}" -- -- $tests || true
    local missed="$out/$group/mutants.out/missed.txt"
    [ -f "$missed" ] || { echo "FAILED $group: no result"; return; }
    echo "== $group: $(wc -l <"$out/$group/mutants.out/caught.txt") caught, $(wc -l <"$missed") missed"
    # Compare without positions, because known survivors move when the lines around them change.
    sed -E 's/:[0-9]+:[0-9]+:/:/' "$missed" | grep -vxF -f <(sed '/^#/d;/^$/d;s/ *#.*//' tests/mutants.txt) || true
}

groups=("$@")
[ ${#groups[@]} -gt 0 ] || groups=(guards exchange diff desired plan)
for group in "${groups[@]}"; do
    case $group in
        guards) run guards --lib "guards::" 'src/guards/*.rs' ;;
        exchange) run exchange --lib "arm::" 'src/arm/exchange/*.rs' src/arm/retry.rs ;;
        diff) run diff --lib "diff:: kinds:: desired:: plan::" 'src/diff/*.rs' ;;
        desired) run desired --lib "desired:: diff::" src/kinds/desired.rs ;;
        plan) run plan --lib "plan::" 'src/plan/*.rs' 'src/plan/steps/*.rs' ;;
        *) echo "no group is called $group" && exit 1 ;;
    esac
done
