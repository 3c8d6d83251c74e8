#!/usr/bin/env bash
# build.sh ROOT: builds keyless from the repository that this script is in, into ROOT/bin. Nothing of the folder in which a job runs counts: no
# rust-toolchain.toml and no .cargo/config.toml of it.
set -euo pipefail
(($# == 1)) || { sed -n 2p "$0" >&2; exit 1; }
mkdir -p "$1"
root=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
version=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
export RUSTUP_TOOLCHAIN=$version
if command -v rustup >/dev/null; then rustup toolchain install "$version" --profile minimal --no-self-update; fi
exec cargo install --locked --profile dist --path . --root "$root"
