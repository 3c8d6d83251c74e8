# Sourced by the walks in bash: how a command becomes a row of the table.

# A row: the client, what was done, the pattern that was expected, what came.
row() { # WHAT PATTERN GOT
    local ok=ok
    # shellcheck disable=SC2053 # the right side is a pattern
    [[ $3 == $2 ]] || ok=no
    printf '%s\t%s\t%s\t%s\t%s\n' "$CLIENT" "$1" "$2" "$3" "$ok" >>"$ROWS"
}

# Run a command; what it prints, on one line, is held against a pattern, or `exit N: first words of the error`.
check() { # WHAT PATTERN COMMAND...
    local what=$1 pattern=$2 code=0 got
    shift 2
    timeout 120 "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || code=$?
    if ((code)); then
        got="exit $code: $(grep -vE '^(WARNING|Traceback|  )' "$WORK/err" | tr -s '\r\n\t ' ' ' | cut -c1-300)"
    else
        got=$(tr -s '\r\n\t ' ' ' <"$WORK/out" | sed 's/ $//')
    fi
    row "$what" "$pattern" "${got:-nothing}"
}

# Azure CLI of its own folder.
az() { "$AZ" "$@"; }
export -f az 2>/dev/null || true

# Tell Azure CLI of this cloud and sign in to it.
sign_in() {
    check 'cloud register' nothing "$AZ" cloud register --name sandbox --endpoint-resource-manager "$ARM" \
        --endpoint-active-directory "$ARM" --endpoint-active-directory-resource-id "$ARM" \
        --endpoint-active-directory-graph-resource-id "$ARM" --endpoint-microsoft-graph-resource-id "$ARM" \
        --endpoint-management "$ARM" --skip-endpoint-discovery
    check 'cloud set' nothing "$AZ" cloud set --name sandbox
    check 'login --service-principal' Enabled "$AZ" login --service-principal --username "$CLIENT_ID" \
        --password "$CLIENT_SECRET" --tenant "$TENANT" --query '[0].state' --output tsv
    check 'account set' nothing "$AZ" account set --subscription "$SUBSCRIPTION"
}

# The environment of Azure CLI: its own settings folder, the run's authority, no look-up in the public cloud.
export AZURE_CONFIG_DIR=$WORK/azure-$CLIENT REQUESTS_CA_BUNDLE=$CA
export AZURE_CORE_INSTANCE_DISCOVERY=false AZURE_CORE_COLLECT_TELEMETRY=false AZURE_CORE_SURVEY_MESSAGE=false
export AZURE_CORE_ONLY_SHOW_ERRORS=true AZURE_CORE_NO_COLOR=true AZURE_CORE_LOGIN_EXPERIENCE_V2=false
export AZURE_CORE_ENCRYPT_TOKEN_CACHE=false AZURE_EXTENSION_USE_DYNAMIC_INSTALL=no
