#!/usr/bin/env bash
# Holds the query of `keyless keys usage` against Microsoft's Kusto language service (an npm package), and runs it over made records with
# duckdb-kql (Python packages). Both are kept in KEYLESS_TOOLS.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=${KEYLESS_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/keyless/tools}
query=$(mktemp)
trap 'rm -f "$query"' EXIT
sed -n '/^const QUERY: &str = r#"/,/"#;$/p' src/keys/usage/log.rs | sed -e 's/^const QUERY: &str = r#"//' -e 's/"#;$//' >"$query"
[[ -s $query ]] || { echo "src/keys/usage/log.rs has no query"; exit 1; }

# The language service.
version=12.4.1
package=$tools/node_modules/@kusto/language-service-next
held() { [[ -f $package/package.json ]] && grep -q "\"$version\"" "$package/package.json"; }
if ! command -v node >/dev/null; then
    echo "SKIPPED the query of keys usage against Kusto: there is no node"
elif ! held && ! { mkdir -p "$tools" &&
    npm install --silent --no-save --no-audit --no-fund --prefix "$tools" "@kusto/language-service-next@$version"; }; then
    echo "SKIPPED the query of keys usage against Kusto: @kusto/language-service-next cannot be installed"
else
    node tests/query/check.js "$package" "$query" \
        "Account Day Operation How Refused Calls WithoutField AtBegin AtEnd First Last Deployments Addresses Callers"
    echo "the query of keys usage is valid"
fi

# Made records.
python=$tools/kql/bin/python
if ! cmp -s tests/query/records.txt "$tools/kql/installed.txt"; then
    if ! { mkdir -p "$tools" && python3 -m venv "$tools/kql" &&
        "$python" -m pip install --quiet --disable-pip-version-check -r tests/query/records.txt; } >"$query.log" 2>&1; then
        echo "SKIPPED the query of keys usage over records: $(tail -1 "$query.log")"
        rm -f "$query.log"
        exit 0
    fi
    rm -f "$query.log"
    cp tests/query/records.txt "$tools/kql/installed.txt"
fi
"$python" tests/query/records.py "$query"
