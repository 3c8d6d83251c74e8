#!/usr/bin/env bash
# Runs keyless in a job of a pipeline, and leaves what people and later jobs read in a folder.
#
#   run.sh plan | drift | apply | summary
#
# Settings come from the environment; lists have one item a line:
#
#   SPECS        spec files and folders (specs)
#   STACK        the only stack that the specs may declare
#   ENVIRONMENT  selects NAME.vars.yaml; empty for specs without variables
#   WITHIN       scopes outside of which nothing may change (`any`: no limit)
#   ALLOW        guards to lift, as RULE:ADDRESS; several in one line are separated by semicolons
#   ARGUMENTS    more arguments of keyless
#   FOLDER       where results go (keyless-results)
#   SAVE         `true`: plan keeps the plan for apply, as FOLDER/plan.json
#   CHECK_RIGHTS `true`: apply writes nothing if the identity may do less or more than the specs need (`keyless doctor --for apply`)
#   DISCLOSE     `true`: comments show ids, addresses, sign-in names and targets
#   NO_PLAN      why this run may not plan: printed instead of a plan
#   ACCEPT_DRIFT `true`: drift is no failure of this job
#
# FOLDER gets keyless.md, keyless.json, and run.json: what ran, with which exit code; of plan and drift also comment.md. On GitHub the Markdown
# is the summary of the job and `exit-code` and `changes` are outputs; on Azure Pipelines it is attached to the run.
set -euo pipefail

command=${1:-}
folder=${FOLDER:-keyless-results}
stack=${STACK:-} environment=${ENVIRONMENT:-}

fail() {
    echo "run.sh: $1" >&2
    exit 1
}

# The lines of a setting, without empty ones, into the array `lines`.
split() {
    lines=()
    local line
    while IFS= read -r line; do
        line=${line%$'\r'}
        [[ -n ${line//[[:space:]]/} ]] && lines+=("$line")
    done <<<"$1"
    return 0
}

# The guards of ALLOW, into the array `lines`. The field of a host's page is one line: `RULE:ADDRESS; RULE:ADDRESS`. A flag may be pasted as it
# was printed, with `--allow` and quotes.
guards() {
    local line found=() end="'" begin='^(.*);[[:space:]]*([^[:alnum:][:space:]]?[a-z][a-z-]*:.*)$'
    split "${1//--allow[= ]/$'\n'}"
    for line in "${lines[@]}"; do
        while [[ $line =~ $begin ]]; do
            line=${BASH_REMATCH[1]}
            found+=("${BASH_REMATCH[2]}")
        done
        found+=("$line")
    done
    lines=()
    for line in "${found[@]}"; do
        [[ $line =~ ^[[:space:]]*(.*[^[:space:]\;])[[:space:]\;]*$ ]] || continue
        line=${BASH_REMATCH[1]}
        # Quoted as for a shell.
        if [[ $line == "$end"*"$end" ]]; then line=${line:1:${#line}-2} && line=${line//"'\\''"/$end}; fi
        if [[ $line == '"'*'"' ]]; then line=${line:1:${#line}-2}; fi
        lines+=("$line")
    done
}

output() { # NAME VALUE
    if [[ -n ${GITHUB_OUTPUT:-} ]]; then echo "$1=$2" >>"$GITHUB_OUTPUT"; fi
    if [[ -n ${TF_BUILD:-} ]]; then echo "##vso[task.setvariable variable=$1;isOutput=true]$2"; fi
}

summary() {
    [[ -s $folder/keyless.md ]] || return 0
    if [[ -n ${GITHUB_STEP_SUMMARY:-} ]]; then cat "$folder/keyless.md" >>"$GITHUB_STEP_SUMMARY"; fi
    if [[ -n ${TF_BUILD:-} ]]; then echo "##vso[task.uploadsummary]$(cd "$folder" && pwd)/keyless.md"; fi
}

# What ran, for the jobs that comment.
note() { # EXIT-CODE
    printf '{"command": "%s", "stack": "%s", "environment": "%s", "exitCode": %d}\n' \
        "$command" "$stack" "$environment" "$1" >"$folder/run.json"
}

[[ $command =~ ^(plan|drift|apply|summary)$ ]] || fail "usage: run.sh plan | drift | apply | summary"
if [[ $command == summary ]]; then
    summary
    exit 0
fi
# It runs the code of anybody's pull request with the identity of the protected branch.
[[ ${GITHUB_EVENT_NAME:-} != pull_request_target ]] || fail "\`on: pull_request_target\` is refused: use \`on: pull_request\`"
# They become part of a marker in a comment.
[[ $stack =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] || fail "STACK must be the name of the stack, not \`$stack\`"
[[ $environment =~ ^[A-Za-z0-9._-]*$ ]] || fail "ENVIRONMENT must be a name, not \`$environment\`"
rm -rf "$folder"
mkdir -p "$folder"

if [[ -n ${NO_PLAN:-} ]]; then
    printf '## keyless %s: no plan\n\n%s\n' "$command" "$NO_PLAN" >"$folder/keyless.md"
    echo "No plan. $NO_PLAN"
    if [[ -n ${GITHUB_ACTIONS:-} ]]; then echo "::notice title=keyless::No plan. $NO_PLAN"; fi
    summary
    # No run.json: there is nothing to comment.
    output changes false
    exit 0
fi

# Of a run that ends here, comments say that there is no result.
[[ $command == apply ]] || note 1

arguments=(--stack "$stack" --format markdown --report "markdown=$folder/keyless.md" --report "json=$folder/keyless.json")
[[ -z $environment ]] || arguments+=(--env "$environment")
split "${ARGUMENTS:-}" && arguments+=("${lines[@]}")
if [[ $command != drift ]]; then
    split "${WITHIN-any}"
    # A variable of the host that has no value must not take the limit away.
    ((${#lines[@]})) || fail "WITHIN is empty: give it scopes, or \`any\` for no limit"
    [[ ${lines[*]} != any ]] || lines=()
    for scope in "${lines[@]}"; do arguments+=(--within "$scope"); done
    guards "${ALLOW:-}"
    for guard in "${lines[@]}"; do arguments+=(--allow "$guard"); done
fi
split "${SPECS:-specs}" && specs=("${lines[@]}")

case $command in
apply)
    [[ ${GITHUB_EVENT_NAME:-} != pull_request* ]] || fail "a pull request's run applies nothing"
    plan=${PLAN:-}
    [[ -f $plan ]] || fail "there is no plan at \`$plan\`: PLAN must name the file that \`run.sh plan\` saved in this run"
    if [[ ${CHECK_RIGHTS:-} == true ]]; then
        rights=(--for apply --stack "$stack")
        [[ -z $environment ]] || rights+=(--env "$environment")
        keyless doctor "${specs[@]}" "${rights[@]}"
    fi
    # keyless replaces this shell, so that it gets the signals when the job is cancelled.
    exec keyless apply "$plan" "${specs[@]}" --yes "${arguments[@]}"
    ;;
plan)
    arguments+=(--detailed-exitcode --report "comment=$folder/comment.md")
    [[ ${DISCLOSE:-} != true ]] || arguments+=(--disclose)
    [[ ${SAVE:-} != true ]] || arguments+=(--out "$folder/plan.json")
    ;;
drift) arguments+=(--report "comment=$folder/comment.md") ;;
esac

code=0
keyless "$command" "${specs[@]}" "${arguments[@]}" || code=$?
note "$code"
summary
output exit-code "$code"
if ((code == 2)); then output changes true; else output changes false; fi
# Exit code 2 of a plan says that there are changes: what a pull request is for.
if ((code == 2)) && [[ $command == plan || ${ACCEPT_DRIFT:-} == true ]]; then code=0; fi
exit "$code"
