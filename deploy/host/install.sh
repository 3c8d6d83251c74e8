#!/usr/bin/env bash
# install.sh URL SHA256 FOLDER: puts the keyless of a release's archive (.tar.gz) into a folder, if the archive is the one that was reviewed.
set -euo pipefail
(($# == 3)) || { sed -n 2p "$0" >&2; exit 1; }
url=$1 expected=$2 folder=$3
[[ $expected =~ ^[0-9a-f]{64}$ ]] || { echo "install.sh: SHA256 must be 64 hexadecimal digits in lower case" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
curl --fail --silent --show-error --location --retry 3 --output "$work/archive" "$url"
if command -v sha256sum >/dev/null; then found=$(sha256sum "$work/archive"); else found=$(shasum -a 256 "$work/archive"); fi
if [[ ${found%% *} != "$expected" ]]; then
    echo "install.sh: the archive's SHA-256 is ${found%% *}, not $expected" >&2
    exit 1
fi
tar -xzf "$work/archive" -C "$work" --no-same-owner
program=$(find "$work" -type f -name keyless | head -1)
[[ -n $program ]] || { echo "install.sh: the archive has no keyless" >&2; exit 1; }
mkdir -p "$folder"
cp "$program" "$folder/keyless"
chmod 755 "$folder/keyless"
"$folder/keyless" --version
