#!/usr/bin/env bash
# The commands of docs/bootstrap.md, as Azure CLI runs them, and what is there afterwards.
#
# In: as az.sh. Out: rows of the table.
set -euo pipefail
CLIENT=bootstrap
page=$(dirname "$0")/../../docs/bootstrap.md
# shellcheck source=tests/clients/check.sh
. "$(dirname "$0")/check.sh"
sign_in

mkdir -p "$WORK/bootstrap"
cd "$WORK/bootstrap"
# The blocks of one language, in their order.
blocks() { awk -v language="$1" '/^```/ { open = ($0 == "```" language); next } open' "$page"; }
blocks json >planner.json
{
    echo 'set -euo pipefail'
    # shellcheck disable=SC2016 # for the script
    echo 'az() { "$AZ" "$@"; }'
    blocks sh
} >commands.sh
code=0
timeout 900 bash commands.sh >out 2>err </dev/null || code=$?
row 'commands of docs/bootstrap.md' 'exit 0*' "exit $code $(tr -s '\r\n\t ' ' ' <err | cut -c1-300)"

tsv() { # WHAT PATTERN QUERY COMMAND...
    local what=$1 pattern=$2 query=$3
    shift 3
    check "$what" "$pattern" "$AZ" "$@" --query "$query" --output tsv
}
for each in planner:pull_request auditor:ref:refs/heads/main applier:environment:production; do
    tsv "subject of ${each%%:*}" "repo:ORG/REPO:${each#*:}" '[].subject' identity federated-credential list \
        --resource-group rg-pipelines --identity-name "keyless-${each%%:*}"
    principal=$("$AZ" identity show --resource-group rg-pipelines --name "keyless-${each%%:*}" --query principalId --output tsv)
    case ${each%%:*} in
    applier) roles='Cognitive Services Contributor Reader Role Based Access Control Administrator' ;;
    auditor) roles='Monitoring Reader keyless auditor' ;;
    *) roles="keyless ${each%%:*}" ;;
    esac
    tsv "roles of ${each%%:*}" "$roles" 'sort([].roleDefinitionName)' role assignment list --all --assignee "$principal"
done
tsv 'the planner reads no logs' nothing "[].permissions[].actions[?contains(@, 'Microsoft.Insights')][]" role definition list --name 'keyless planner'
tsv 'the auditor reads logs' 'Microsoft.Insights/eventtypes/values/read' "[].permissions[].actions[?contains(@, 'Microsoft.Insights')][]" \
    role definition list --name 'keyless auditor'
tsv 'the condition of the applier' '*a97b65f3-24c7-4388-baec-2e87135dc908*roleAssignments/delete*' '[?condition].condition' \
    role assignment list --scope "/subscriptions/$SUBSCRIPTION/resourceGroups/rg-ai"
