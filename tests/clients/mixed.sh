#!/usr/bin/env bash
# Azure CLI and keyless on one subscription: each sees what the other did.
#
# In: as az.sh, and KEYLESS. keyless speaks TLS too: SSL_CERT_FILE names the run's authority, KEYLESS_TOKEN is Azure CLI's.
# Out: rows of the table.
set -euo pipefail
CLIENT=mixed
# shellcheck source=tests/clients/check.sh
. "$(dirname "$0")/check.sh"

GROUP=rg-mixed
NAME=mixed-chat
SCOPE=/subscriptions/$SUBSCRIPTION
ID=$SCOPE/resourceGroups/$GROUP/providers/Microsoft.CognitiveServices/accounts/$NAME
DEVELOPERS=77777777-7777-4777-8777-777777777777
AUDITORS=88888888-8888-4888-8888-888888888888
SPEC=$WORK/mixed.yaml

# The spec: the roles of the account are the arguments, `role principal`.
spec() {
    cat <<END
version: 1
stack: mixed
subscription: $SUBSCRIPTION
resourceGroup: $GROUP
location: eastus2
accounts:
  - name: $NAME
    kind: AIServices
    sku: S0
    customSubDomainName: $NAME
    disableLocalAuth: true
    tags: {team: ml}
    networkAcls:
      defaultAction: Deny
      ipRules: [203.0.113.0/24]
    roleAssignments:
END
    local grant
    for grant in "$@"; do
        printf '      - {role: %s, principals: [{id: %s, type: Group}]}\n' "${grant% *}" "${grant##* }"
    done
}

# Run keyless; the row has its exit code and what a query says of its JSON.
says() { # WHAT PATTERN QUERY COMMAND [OPTION...]
    local what=$1 pattern=$2 query=$3 code=0 got
    shift 3
    "${keyless[@]}" "$@" --arm-endpoint "$ARM" --format json "$SPEC" >"$WORK/out" 2>"$WORK/err" </dev/null || code=$?
    got=$(python3 -c '
import json, sys
plan = json.load(open(sys.argv[1]))
changes = [change for change in plan["changes"] if change["action"] not in ("noop", "unmanaged")]
print(eval(sys.argv[2]))' "$WORK/out" "$query" 2>&1 || head -c 300 "$WORK/err")
    row "$what" "$pattern" "exit $code: $(tr -s '\n ' ' ' <<<"$got" | sed 's/ $//')"
}
tsv() { # WHAT PATTERN QUERY COMMAND...
    local what=$1 pattern=$2 query=$3
    shift 3
    check "$what" "$pattern" "$AZ" "$@" --query "$query" --output tsv
}
FIELDS='", ".join(sorted(f["path"] for c in changes for f in c["fields"]))'
ACTIONS='", ".join(sorted("{action} {kind}".format(**c) for c in changes)) or "no changes"'
KEYS="$ARM$ID?api-version=2025-06-01"

sign_in
TOKEN=$("$AZ" account get-access-token --resource "$ARM" --query accessToken --output tsv || echo none)
keyless=(env SSL_CERT_FILE="$CA" KEYLESS_TOKEN="$TOKEN" "$KEYLESS")
tsv 'az group create' Succeeded properties.provisioningState group create --name $GROUP --location eastus2

spec "Cognitive Services User $DEVELOPERS" "Reader $DEVELOPERS" >"$SPEC"
says 'keyless plan' 'exit 2: create accounts, create roleAssignments, create roleAssignments' "$ACTIONS" plan --detailed-exitcode
check 'keyless apply' '*3 done, 0 failed*' "${keyless[@]}" apply --yes --arm-endpoint "$ARM" "$SPEC"
tsv 'az sees the account: keys off, tags' 'true ml mixed' \
    "join(' ', [to_string(properties.disableLocalAuth), tags.team, tags.\"keyless-stack\"])" \
    cognitiveservices account show --resource-group $GROUP --name $NAME
tsv 'az sees the assignment and its mark' "Cognitive Services User [[]keyless:mixed[]] Reader [[]keyless:mixed[]]" \
    "sort([].join(' ', [roleDefinitionName, description]))" role assignment list --scope "$ID"
says 'keyless drift: nothing yet' 'exit 0: no changes' "$ACTIONS" drift

check 'az turns keys on' false "$AZ" rest --method patch --url "$KEYS" --resource "$ARM" \
    --body '{"properties": {"disableLocalAuth": false}}' --query properties.disableLocalAuth --output tsv
says 'keyless drift names the field' 'exit 2: disableLocalAuth' "$FIELDS" drift
tsv 'az adds an address' '203.0.113.0/24 192.0.2.1' 'properties.networkAcls.ipRules[].value' \
    cognitiveservices account network-rule add --resource-group $GROUP --name $NAME --ip-address 192.0.2.1
says 'keyless drift names both fields' 'exit 2: disableLocalAuth, networkAcls.ipRules*' "$FIELDS" drift
tsv 'az adds a tag of its own' az tags.owner \
    cognitiveservices account update --resource-group $GROUP --name $NAME --tags team=ml keyless-stack=mixed owner=az
says 'keyless drift: a tag that the spec omits is none' 'exit 2: disableLocalAuth, networkAcls.ipRules*' "$FIELDS" drift
check 'az revokes the role' nothing "$AZ" role assignment delete --assignee-object-id $DEVELOPERS \
    --role 'Cognitive Services User' --scope "$ID"
says 'keyless drift names the assignment too' 'exit 2: create roleAssignments, update accounts' "$ACTIONS" drift
check 'keyless apply closes it' '*0 failed*' "${keyless[@]}" apply --yes --arm-endpoint "$ARM" "$SPEC"
tsv 'az sees keys off, one address, its own tag' 'true 203.0.113.0/24 az' \
    "join(' ', [to_string(properties.disableLocalAuth), join(',', properties.networkAcls.ipRules[].value), tags.owner])" \
    cognitiveservices account show --resource-group $GROUP --name $NAME
tsv 'az sees the role again' 'Cognitive Services User Reader' 'sort([].roleDefinitionName)' role assignment list --scope "$ID"
says 'keyless plan: no changes' 'exit 0: no changes' "$ACTIONS" plan --detailed-exitcode

tsv 'az grants a role' "$AUDITORS" principalId role assignment create --assignee-object-id $AUDITORS \
    --assignee-principal-type Group --role Reader --scope "$ID"
spec "Cognitive Services User $DEVELOPERS" "Reader $DEVELOPERS" "Reader $AUDITORS" >"$SPEC"
says "az's own assignment satisfies the spec" 'exit 0: no changes' "$ACTIONS" plan --detailed-exitcode
check "keyless plan says whose it is" '*not owned*' "${keyless[@]}" plan --verbose --arm-endpoint "$ARM" "$SPEC"
spec "Cognitive Services User $DEVELOPERS" "Reader $AUDITORS" >"$SPEC"
says 'a line removed is access revoked' 'exit 2: delete roleAssignments' "$ACTIONS" plan --detailed-exitcode
check 'keyless apply revokes it' '*1 done, 0 failed*' "${keyless[@]}" apply --yes --arm-endpoint "$ARM" "$SPEC"
tsv 'az sees that it is gone' "Cognitive Services User $DEVELOPERS Reader $AUDITORS" \
    "sort([].join(' ', [roleDefinitionName, principalId]))" role assignment list --scope "$ID"
spec "Cognitive Services User $DEVELOPERS" >"$SPEC"
check 'keyless apply leaves alone what is not ours' '*No changes*' "${keyless[@]}" apply --yes --arm-endpoint "$ARM" "$SPEC"
tsv 'az still sees its own' $AUDITORS "[?roleDefinitionName=='Reader'].principalId" role assignment list --scope "$ID"
spec "Reader $DEVELOPERS" >"$SPEC"
check 'keyless refuses to lock everybody out' 'exit 3: *' "${keyless[@]}" apply --yes --arm-endpoint "$ARM" "$SPEC"
spec "Cognitive Services User $DEVELOPERS" >"$SPEC"
check 'az deletes the account' nothing "$AZ" cognitiveservices account delete --resource-group $GROUP --name $NAME
says 'keyless drift: the account is gone, and its name is kept' 'exit 1: refused accounts*' "$ACTIONS" drift
