#!/usr/bin/env bash
# release.sh FOLDER-OF-THE-PROGRAM NAME OUT: packs a release for the machine that runs this.
#
# OUT/NAME.tar.gz holds the program, completions, manual pages, the scripts and files of deploy/, LICENSE, and the licences of all dependencies. OUT/NAME.cdx.json
# is the list of dependencies (CycloneDX). The program is started before it is packed. It needs cargo and python3.
set -euo pipefail
(($# == 3)) || { sed -n 2p "$0" >&2; exit 1; }
built=$1 name=$2 out=$3
here=$(cd "$(dirname "$0")/.." && pwd)
program=keyless
[[ ! -f $built/keyless.exe ]] || program=keyless.exe
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
folder=$work/$name
mkdir -p "$folder/completions" "$folder/man"
cp "$built/$program" "$folder/"
"$folder/$program" --version
for shell in bash zsh fish powershell elvish; do "$folder/$program" completions "$shell" >"$folder/completions/keyless.$shell"; done
"$folder/$program" man "$folder/man"
cp -R "$here/deploy" "$here/LICENSE" "$here/CHANGELOG.md" "$folder/"
find "$folder/deploy" -name __pycache__ -prune -exec rm -rf {} +
host=$(rustc -vV | sed -n 's/^host: //p')
(cd "$here" && cargo metadata --locked --format-version 1 --filter-platform "$host") >"$work/metadata.json"
python3 "$here/deploy/licences.py" "$work/metadata.json" "$folder/LICENCES.txt" "$out/$name.cdx.json"
tar -czf "$out/$name.tar.gz" -C "$work" "$name"
echo "$out/$name.tar.gz"
