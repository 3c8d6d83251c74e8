#!/usr/bin/env bash
# Pages of HTML in a browser: headless Chromium, which is Debian's package `chromium`.
#
#   tests/html.sh [--changed] [FOLDER]
#
# Prints a line for each check and exits 1 if one fails. FOLDER keeps the pages and pictures of them, light and dark. With --changed nothing is
# looked at if everything that makes pages is as it was when all checks last passed (html.stamp in the target folder). KEYLESS_CHROMIUM names a
# browser; without one a line says SKIPPED.
# Nothing leaves the machine. Not to be run under a limit of address space: browsers reserve a lot of it.
set -euo pipefail
cd "$(dirname "$0")/.."

changed=no
if [[ ${1:-} == --changed ]]; then
    changed=yes
    shift
fi
# What makes pages, and what looks at them; and their state when all of it was last found in order.
inputs=(Cargo.lock src/render src/document src/cli src/text tests/html tests/html.sh)
stamp=${CARGO_TARGET_DIR:-target}/html.stamp
state=$(find "${inputs[@]}" -type f ! -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
if [[ $changed == yes && -f $stamp && $(<"$stamp") == "$state" ]]; then
    echo "nothing that makes pages has changed since they were last checked ($stamp)"
    exit 0
fi

browser=${KEYLESS_CHROMIUM:-}
for name in chromium chromium-browser google-chrome-stable google-chrome; do
    [[ -n $browser ]] || browser=$(command -v "$name" || true)
done
if [[ -z $browser ]]; then
    echo "SKIPPED pages in a browser: chromium is not installed (apt-get install chromium)"
    exit 0
fi
[[ -n ${KEYLESS_TEST_IT:-} ]] || cargo build --quiet --bin keyless
keyless=$PWD/${CARGO_TARGET_DIR:-target}/debug/keyless
[[ ${CARGO_TARGET_DIR:-} == /* ]] && keyless=$CARGO_TARGET_DIR/debug/keyless

folder=${1:-}
if [[ -z $folder ]]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
fi
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
python3 tests/html/check.py "$keyless" "$folder" "$browser"
echo "$state" >"$stamp"
