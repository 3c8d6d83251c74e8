#!/usr/bin/env bash
# Runs tests by name, as `cargo test` does:
#
#   tests/it.sh lib|it ARGUMENT...
#   tests/it.sh --path lib|it        prints the program's path
#
# KEYLESS_TEST_LIB and KEYLESS_TEST_IT name programs that are already built. cargo is not used then, because a concurrent build may hold its
# lock for minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

built() {
    case $1 in
    lib) select=(--lib) kind=lib ready=${KEYLESS_TEST_LIB:-} ;;
    it) select=(--test it) kind=test ready=${KEYLESS_TEST_IT:-} ;;
    *) echo "tests/it.sh: there are \`lib\` and \`it\`, and no \`$1\`" >&2 && exit 1 ;;
    esac
    if [[ -z $ready ]]; then
        cargo test --quiet "${select[@]}" --no-run >&2
        # One line of JSON for each thing built; the product itself is among them.
        ready=$(cargo test --quiet "${select[@]}" --no-run --message-format=json |
            sed -nE '/"kind":\["'"$kind"'"\]/s/.*"executable":"([^"]+)".*/\1/p')
    fi
    echo "$ready"
}

if [[ $1 == --path ]]; then
    built "$2"
else
    program=$(built "$1")
    shift
    exec "$program" "$@"
fi
