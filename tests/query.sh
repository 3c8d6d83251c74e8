#!/usr/bin/env bash
# Holds the query of `keyless keys usage` against Microsoft's Kusto language service (an npm package, kept in KEYLESS_TOOLS).
set -euo pipefail
cd "$(dirname "$0")/.."

version=12.4.1
tools=${KEYLESS_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/keyless/tools}
package=$tools/node_modules/@kusto/language-service-next
if ! command -v node >/dev/null; then
    echo "SKIPPED the query of keys usage: there is no node"
    exit 0
fi
if [[ ! -f $package/package.json ]] || ! grep -q "\"$version\"" "$package/package.json"; then
    mkdir -p "$tools"
    if ! npm install --silent --no-save --no-audit --no-fund --prefix "$tools" "@kusto/language-service-next@$version"; then
        echo "SKIPPED the query of keys usage: @kusto/language-service-next cannot be installed"
        exit 0
    fi
fi
query=$(mktemp)
trap 'rm -f "$query"' EXIT
sed -n '/^const QUERY: &str = r#"/,/"#;$/p' src/keys/usage/log.rs | sed -e 's/^const QUERY: &str = r#"//' -e 's/"#;$//' >"$query"
[[ -s $query ]] || { echo "src/keys/usage/log.rs has no query"; exit 1; }
node tests/query/check.js "$package" "$query" \
    "Account Day Operation How Calls WithoutField AtMidnight First Last Deployments Addresses Callers"
echo "the query of keys usage is valid"
