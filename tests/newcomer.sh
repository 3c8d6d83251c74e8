#!/usr/bin/env bash
# Times the path of a newcomer: a clone, and the commands of docs/start.md in an empty folder. Prints the seconds of each step.
#
#   tests/newcomer.sh [--built FOLDER]
#
# Everything is built anew, with an empty folder of crates, as on a fresh machine; it needs git, cargo, a C compiler and a package registry. With
# --built the keyless of that folder is taken, and nothing is installed.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
built=
case ${1:-} in
--built) built=$(cd "$2" && pwd) ;;
"") ;;
*)
    sed -n 4p "$0" >&2
    exit 1
    ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export CARGO_INSTALL_ROOT=$work/root PATH=${built:-$work/root/bin}:$PATH
unset CARGO_TARGET_DIR RUSTC_WORKSPACE_WRAPPER
[[ -n $built ]] || export CARGO_HOME=$work/cargo

# The blocks of the page as one script, each between its heading and the time that it took.
python3 - "$here/docs/start.md" >steps.sh <<'PYTHON'
import re, sys
text = open(sys.argv[1], encoding="utf-8").read()
print("set -euo pipefail\nlast=$EPOCHREALTIME\ntook() { local now=$EPOCHREALTIME; printf '%8.1f s  %s\\n' \"$(bc <<<\"$now - $last\" 2>/dev/null || python3 -c \"print($now - $last)\")\" \"$1\" >&3; last=$EPOCHREALTIME; }")
for part in re.split(r"^## ", text, flags=re.M)[1:]:
    title, blocks = part.split("\n", 1)[0], re.findall(r"^```sh\n(.*?)^```", part, flags=re.M | re.S)
    if blocks and title[0].isdigit():
        print("".join(blocks) + f"took '{title}'")
PYTHON

began=$SECONDS
git clone --quiet "$here" clone
export KEYLESS=$work/clone
echo "a clone: $((SECONDS - began)) s; then, in seconds for each step of docs/start.md:"
if [[ -n $built ]]; then
    sed -i 's/^cargo install .*/keyless --version/' steps.sh
fi
if bash steps.sh 3>times.txt >log.txt 2>&1; then
    cat times.txt
else
    cat times.txt
    tail -30 log.txt
    exit 1
fi
echo "committed:"
git -C estate ls-files
echo "in all: $((SECONDS - began)) s"
