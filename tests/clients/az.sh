#!/usr/bin/env bash
# The walk of Azure CLI: sign in, groups, accounts with their life and death, role definitions and assignments.
#
# In: ARM, CA, AZ, WORK, ROWS, TENANT, SUBSCRIPTION, CLIENT_ID, CLIENT_SECRET. Out: rows of the table.
set -euo pipefail
CLIENT=az
# shellcheck source=tests/clients/check.sh
. "$(dirname "$0")/check.sh"

GROUP=rg-walk
NAME=walk-chat
LOCATION=eastus2
SCOPE=/subscriptions/$SUBSCRIPTION
ID=$SCOPE/resourceGroups/$GROUP/providers/Microsoft.CognitiveServices/accounts/$NAME
PRINCIPAL=55555555-5555-4555-8555-555555555555
USER_ROLE=a97b65f3-24c7-4388-baec-2e87135dc908
READER=acdd72a7-3385-48ef-bd42-f606fba81ae7

# `az` with the output that is easiest to compare.
tsv() { # WHAT PATTERN QUERY COMMAND...
    local what=$1 pattern=$2 query=$3
    shift 3
    check "$what" "$pattern" "$AZ" "$@" --query "$query" --output tsv
}
plain() { # WHAT PATTERN COMMAND...
    local what=$1 pattern=$2
    shift 2
    check "$what" "$pattern" "$AZ" "$@" --output tsv
}
account() { # WHAT PATTERN QUERY SUBCOMMAND... : of our account
    local what=$1 pattern=$2 query=$3
    shift 3
    tsv "$what" "$pattern" "$query" cognitiveservices account "$@" --resource-group $GROUP --name $NAME
}

check 'cloud register, by discovery' nothing "$AZ" cloud register --name found --endpoint-resource-manager "$ARM"
tsv 'cloud show: the authority that was found' "$ARM*" endpoints.activeDirectory cloud show --name found
sign_in
tsv 'account show' "$SUBSCRIPTION sandbox" "join(' ', [id, environmentName])" account show

tsv 'group create' Succeeded properties.provisioningState group create --name $GROUP --location $LOCATION --tags team=ml
tsv 'group show' "$GROUP $LOCATION ml" "join(' ', [name, location, tags.team])" group show --name $GROUP
plain 'group exists' true group exists --name $GROUP
tsv 'group update' ai tags.team group update --name $GROUP --tags team=ai
tsv 'group list' 1 "length([?name=='$GROUP'])" group list

tsv 'account create' Succeeded properties.provisioningState cognitiveservices account create --resource-group $GROUP \
    --name $NAME --location $LOCATION --kind AIServices --sku S0 --custom-domain $NAME --tags team=ml --yes
account 'account show' "AIServices S0 $LOCATION ml $NAME Enabled" \
    "join(' ', [kind, sku.name, location, tags.team, properties.customSubDomainName, properties.publicNetworkAccess])" show
account 'account show: its endpoint' "https://$NAME.cognitiveservices.azure.com/" properties.endpoint show
tsv 'account show, absent' 'exit 3: *ResourceNotFound*' id cognitiveservices account show --resource-group $GROUP --name none
tsv 'account list --resource-group' $NAME '[].name' cognitiveservices account list --resource-group $GROUP
tsv 'account list' $NAME '[].name' cognitiveservices account list
account 'account update' ai tags.team update --tags team=ai
account 'account identity assign' SystemAssigned type identity assign
account 'account identity show' 'SystemAssigned ????????-????-????-????-????????????' "join(' ', [type, principalId])" identity show
account 'account identity remove' None identity.type identity remove
account 'account network-rule add (address)' 203.0.113.7 'properties.networkAcls.ipRules[].value' \
    network-rule add --ip-address 203.0.113.7
account 'account network-rule add (range)' '203.0.113.7 198.51.100.0/24' \
    'properties.networkAcls.ipRules[].value' network-rule add --ip-address 198.51.100.0/24
account 'account network-rule add (subnet)' '*subnets/app' \
    'properties.networkAcls.virtualNetworkRules[].id' network-rule add \
    --subnet "$SCOPE/resourceGroups/$GROUP/providers/Microsoft.Network/virtualNetworks/vnet/subnets/app"
account 'account network-rule list' '203.0.113.7 198.51.100.0/24' 'ipRules[].value' network-rule list
account 'account network-rule remove' 198.51.100.0/24 'properties.networkAcls.ipRules[].value' \
    network-rule remove --ip-address 203.0.113.7

account 'account deployment create' 'Succeeded Microsoft.DefaultV2' \
    "join(' ', [properties.provisioningState, properties.raiPolicyName])" deployment create --deployment-name chat \
    --model-format OpenAI --model-name gpt-4o --model-version 2024-08-06 --sku-name GlobalStandard --sku-capacity 2
account 'account deployment create, unknown model' 'exit 1: *DeploymentModelNotSupported*' id deployment create \
    --deployment-name other --model-format OpenAI --model-name gpt-0 --model-version 1 --sku-name Standard --sku-capacity 1
account 'account deployment create, beyond the quota' 'exit 1: *InsufficientQuota*' id deployment create \
    --deployment-name other --model-format OpenAI --model-name gpt-4o --model-version 2024-08-06 --sku-name GlobalStandard \
    --sku-capacity 100000
account 'account deployment list' chat '[].name' deployment list
account 'account deployment show' 'gpt-4o 2024-08-06 GlobalStandard 2' \
    "join(' ', [properties.model.name, properties.model.version, sku.name, to_string(sku.capacity)])" \
    deployment show --deployment-name chat
tsv 'usage list' '2*' "[?name.value=='OpenAI.GlobalStandard.gpt-4o'].currentValue" \
    cognitiveservices usage list --location $LOCATION
tsv 'model list' true "length([?model.name=='gpt-4o']) > \`0\`" cognitiveservices model list --location $LOCATION
account 'account list-models' true "length([?name=='gpt-4o']) > \`0\`" list-models
account 'account list-skus' S0 '(value || @)[].sku.name' list-skus
account 'account list-usage' 0 'length(@)' list-usage
account 'account deployment delete' nothing id deployment delete --deployment-name chat
account 'account deployment show, deleted' 'exit 3: *NotFound*' id deployment show --deployment-name chat

key() { "$AZ" cognitiveservices account keys list --resource-group $GROUP --name $NAME --query "$1" --output tsv; }
first=$(key key1)
second=$(key key2)
row 'account keys list' '64 characters' "$((${#first} + ${#second})) characters"
account 'account keys regenerate: the other key stays' 'as before' "key2 == '$second' && 'as before' || 'another'" \
    keys regenerate --key-name Key1
account 'account keys regenerate: this one is new' 'another' "key1 == '$first' && 'as before' || 'another'" keys list
check 'rest PATCH disableLocalAuth' true "$AZ" rest --method patch --url "$ARM$ID?api-version=2025-06-01" \
    --body '{"properties": {"disableLocalAuth": true}}' --resource "$ARM" --query properties.disableLocalAuth --output tsv

tsv 'role definition list --name' "$READER" '[].name' role definition list --name Reader
tsv 'role definition list --name, a data role' 'Microsoft.CognitiveServices/[*]' '[].permissions[].dataActions[]' \
    role definition list --name "$USER_ROLE"
cat >"$WORK/role.json" <<END
{"Name": "Walk reader", "Description": "reads accounts", "AssignableScopes": ["$SCOPE"],
 "Actions": ["Microsoft.CognitiveServices/accounts/read"], "NotActions": [], "DataActions": [], "NotDataActions": []}
END
tsv 'role definition create' 'Walk reader' roleName role definition create --role-definition "@$WORK/role.json"
tsv 'role definition list --custom-role-only' 'Walk reader' '[].roleName' role definition list --custom-role-only true

grant=(role assignment create --assignee-object-id "$PRINCIPAL" --assignee-principal-type ServicePrincipal)
tsv 'role assignment create (by GUID)' "$ID $PRINCIPAL" "join(' ', [scope, principalId])" \
    "${grant[@]}" --role $USER_ROLE --scope "$ID" --description 'calls the models'
tsv 'role assignment create (by name)' "*/$READER" roleDefinitionId "${grant[@]}" --role Reader --scope "$ID"
tsv 'role assignment create (again: 409 handled)' "*/$READER" roleDefinitionId "${grant[@]}" --role Reader --scope "$ID"
tsv 'role assignment create (custom role, group)' "*/resourceGroups/$GROUP" scope "${grant[@]}" \
    --role 'Walk reader' --scope "$SCOPE/resourceGroups/$GROUP"
tsv 'role assignment create (unknown role)' "exit 1: *Role 'No such role' doesn't exist*" id "${grant[@]}" \
    --role 'No such role' --scope "$ID"
tsv 'role assignment list --scope' 'Cognitive Services User Reader' "sort([].roleDefinitionName)" \
    role assignment list --scope "$ID"
tsv 'role assignment list --scope, without Graph' 2 'length(@)' \
    role assignment list --scope "$ID" --fill-principal-name false --fill-role-definition-name false
tsv 'role assignment list --include-inherited' 3 'length(@)' role assignment list --scope "$ID" --include-inherited
tsv 'role assignment list --resource-group' 'Walk reader' '[].roleDefinitionName' role assignment list --resource-group $GROUP
tsv 'role assignment list --all' 3 'length(@)' role assignment list --all
tsv 'role assignment list --assignee' 3 'length(@)' role assignment list --all --assignee "$PRINCIPAL"
tsv 'role assignment list: the description stays' 'calls the models' "[?description].description" \
    role assignment list --scope "$ID"
plain 'role assignment delete (by role)' nothing role assignment delete --assignee-object-id $PRINCIPAL --role Reader --scope "$ID"
assignment=$("$AZ" role assignment list --scope "$ID" --query '[0].id' --output tsv || true)
plain 'role assignment delete (by id)' nothing role assignment delete --ids "$assignment"
tsv 'role assignment list --scope, afterwards' 0 'length(@)' role assignment list --scope "$ID"

plain 'lock create' CanNotDelete lock create --name keep --lock-type CanNotDelete --resource-group $GROUP --query level
plain 'lock list' keep lock list --resource-group $GROUP --query '[].name'
plain 'role assignment delete, locked' 'exit 1: *ScopeLocked*' role assignment delete --resource-group $GROUP --role 'Walk reader'
account 'account delete, locked' 'exit 1: *ScopeLocked*' id delete
plain 'lock delete' nothing lock delete --name keep --resource-group $GROUP

tsv 'role assignment create --assignee USER' 'User' principalType role assignment create --assignee alice@contoso.com \
    --role 'Cognitive Services OpenAI User' --scope "$ID"
tsv 'role assignment list: the name of a user' alice@contoso.com '[].principalName' role assignment list --scope "$ID"
tsv 'ad user show' alice@contoso.com userPrincipalName ad user show --id alice@contoso.com
tsv 'ad group show' developers displayName ad group show --group developers
tsv 'ad sp show' "$CLIENT_ID" appId ad sp show --id "$CLIENT_ID"
tsv 'role assignment list --assignee USER' 'Cognitive Services OpenAI User' '[].roleDefinitionName' \
    role assignment list --all --assignee alice@contoso.com
plain 'role assignment delete --assignee USER' nothing role assignment delete --assignee alice@contoso.com --scope "$ID"
tsv 'monitor activity-log list' true \
    "length([?operationName.value=='Microsoft.Authorization/roleAssignments/write' && status.value=='Succeeded']) > \`3\`" \
    monitor activity-log list --resource-group $GROUP --offset 1h

plain 'role definition delete, in use' 'exit 1: *RoleDefinitionHasAssignments*' role definition delete --name 'Walk reader'
plain 'role assignment delete --resource-group' nothing role assignment delete --resource-group $GROUP --role 'Walk reader'
plain 'role definition delete' nothing role definition delete --name 'Walk reader'

account 'account delete' nothing id delete
tsv 'account list-deleted' $NAME '[].name' cognitiveservices account list-deleted
account 'account show-deleted' Microsoft.CognitiveServices/deletedAccounts type show-deleted --location $LOCATION
tsv 'account create, soft-deleted' 'exit 1: *FlagMustBeSetForRestore*' id cognitiveservices account create \
    --resource-group $GROUP --name $NAME --location $LOCATION --kind AIServices --sku S0 --yes
account 'account recover' Succeeded properties.provisioningState recover --location $LOCATION
account 'account show, recovered: keys are off, rules are there' 'true 198.51.100.0/24' \
    "join(' ', [to_string(properties.disableLocalAuth), properties.networkAcls.ipRules[0].value])" show
account 'account delete, again' nothing id delete
account 'account purge' nothing id purge --location $LOCATION
tsv 'account list-deleted, purged' 0 'length(@)' cognitiveservices account list-deleted
account 'account show-deleted, purged' 'exit 3: *ResourceNotFound*' id show-deleted --location $LOCATION

plain 'group delete' nothing group delete --name $GROUP --yes
plain 'group exists, deleted' false group exists --name $GROUP
tsv 'account list in a deleted group' 'exit 3: *ResourceGroupNotFound*' '[].name' cognitiveservices account list --resource-group $GROUP
