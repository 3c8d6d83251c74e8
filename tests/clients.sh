#!/usr/bin/env bash
# Runs real clients against the sandbox: Azure CLI, the Azure SDKs for Python, and keyless beside them. With `tutorial`, also the
# tutorial's program; with `keys`, two OpenAI clients while keys are retired; with `bootstrap`, the commands of docs/bootstrap.md.
#
#   tests/clients.sh [--record | --install] [az] [sdk] [mixed] [pages] [tutorial] [keys] [bootstrap]
#
# Prints a table (client, what, expected, got) and exits 1 if a row is not ok. The clients are installed by package name
# into KEYLESS_CLIENTS_CACHE (target/clients); without a package registry it prints SKIPPED. Only the installation uses
# the network, and --install does nothing else. --record keeps the trimmed traffic as tests/transcripts/*.jsonl.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD/tests/clients
cache=${KEYLESS_CLIENTS_CACHE:-target/clients}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

record=no install_only=no
walks=()
for argument in "$@"; do
    case $argument in
    --record) record=yes ;;
    --install) install_only=yes ;;
    az | sdk | mixed | pages | tutorial | keys | bootstrap) walks+=("$argument") ;;
    *)
        sed -n 5p "$0" >&2
        exit 1
        ;;
    esac
done
((${#walks[@]})) || walks=(az sdk mixed pages)

skip() {
    echo "SKIPPED real clients: $1"
    exit 0
}

# A virtual environment with the packages of a list, made once.
install() { # NAME PROGRAM-OR-MODULE
    local folder=$cache/$1 list=$here/$2.txt
    if [[ -x $folder/bin/python ]] && cmp -s "$list" "$folder/installed.txt"; then return; fi
    echo "installing $2 into $folder" >&2
    [[ -x $folder/bin/python ]] || python3 -m venv "$folder" >&2 || skip "python3 has no venv"
    if ! "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$list" >"$folder/pip.log" 2>&1; then
        skip "packages cannot be installed ($(tail -1 "$folder/pip.log" | cut -c1-160))"
    fi
    cp "$list" "$folder/installed.txt"
}

for tool in python3 openssl curl; do
    command -v "$tool" >/dev/null || skip "$tool is not installed"
done
for walk in "${walks[@]}"; do
    case $walk in
    az | mixed | bootstrap) install venv az ;;
    sdk | pages) install sdk sdk ;;
    tutorial)
        [[ -f specs/tutorial.yaml ]] || skip "specs/tutorial.yaml is not here"
        install tutorial tutorial
        ;;
    keys) install tutorial tutorial ;;
    esac
done

[[ $install_only == yes ]] && exit 0

# The tests' build made the program too; cargo is asked only where nobody did.
[[ -n ${KEYLESS_TEST_IT:-} ]] || cargo build --quiet --bin keyless
keyless=$PWD/${CARGO_TARGET_DIR:-target}/debug/keyless
[[ ${CARGO_TARGET_DIR:-} == /* ]] && keyless=$CARGO_TARGET_DIR/debug/keyless

work=$(mktemp -d)
sandbox=
stop() {
    if [[ -n $sandbox ]]; then
        kill -INT "$sandbox" 2>/dev/null || true
        # It drains for 5 s.
        for _ in $(seq 300); do kill -0 "$sandbox" 2>/dev/null || break; sleep 0.1; done
        if kill -KILL "$sandbox" 2>/dev/null; then
            printf 'sandbox\tCtrl-C\tends\tran on for 30 s\tno\n' >>"$ROWS"
        fi
        wait "$sandbox" 2>/dev/null || true
        sandbox=
    fi
}
# A run that is stopped shows how far it came.
told=no
end() {
    stop
    [[ $told == yes || ! -s ${ROWS:-} ]] || python3 "$here/table.py" "$ROWS" "$SECONDS" || true
    rm -rf "$work"
}
trap end EXIT
trap 'exit 143' TERM

# What the walks may count on: an own environment, nothing of the user's, no proxy.
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
while read -r name; do unset "$name"; done < <(compgen -e | grep -E '^(AZURE_|ARM_|MSI_|IDENTITY_|KEYLESS_)' || true)
export NO_PROXY=localhost,127.0.0.1
export WORK=$work KEYLESS=$keyless AZ=$cache/venv/bin/az ROWS=$work/rows.tsv
export TENANT=11111111-1111-1111-1111-111111111111 SUBSCRIPTION=22222222-2222-2222-2222-222222222222
export CLIENT_ID=44444444-4444-4444-8444-444444444444 CLIENT_SECRET=not-a-secret-of-anyone
export CA=$work/tls/ca.pem
: >"$ROWS"

# A certificate authority for this run, and a certificate for loopback.
authority() {
    mkdir -p "$work/tls"
    (
        cd "$work/tls"
        umask 077
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=keyless tests' \
            -keyout ca.key -out ca.pem -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=localhost' \
            -keyout server.key -out server.csr
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out server.pem -extfile <(
            printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n'
        )
    ) >"$work/tls.log" 2>&1 || { cat "$work/tls.log" >&2; exit 1; }
}

# A fresh sandbox with TLS for one walk; sets ARM.
serve() { # WALK
    # Read below, perhaps before the program in the background has its output.
    : >"$work/$1.url"
    "$keyless" sandbox serve --listen 127.0.0.1:0 --tls-cert "$work/tls/server.pem" --tls-key "$work/tls/server.key" \
        --state "$work/$1.state.json" --record "$work/$1.jsonl" >"$work/$1.url" 2>"$work/$1.log" &
    sandbox=$!
    for _ in $(seq 100); do
        ARM=$(sed -n 's/^listening on //p' "$work/$1.url" | sed 's#/$##')
        [[ -n $ARM ]] && break
        sleep 0.1
    done
    [[ -n $ARM ]] || { cat "$work/$1.log" >&2; exit 1; }
    export ARM
}

# What hangs is a row. A walk takes up to two minutes, and many times that where much else runs.
within=(timeout --kill-after=5 1200)
broke_off() { printf '%s\twalk\tends\tbroke off\tno\n' "$1" >>"$ROWS"; }

authority
started=$SECONDS
for walk in "${walks[@]}"; do
    serve "$walk"
    case $walk in
    az | mixed | bootstrap) "${within[@]}" bash "$here/$walk.sh" || broke_off "$walk" ;;
    sdk | pages) "${within[@]}" "$cache/sdk/bin/python" "$here/$walk.py" || broke_off "$walk" ;;
    tutorial)
        export SPEC=$PWD/specs/tutorial.yaml
        "${within[@]}" "$cache/tutorial/bin/python" "$here/$walk.py" || broke_off "$walk"
        ;;
    keys) "${within[@]}" "$cache/tutorial/bin/python" "$here/$walk.py" || broke_off "$walk" ;;
    esac
    stop
    if [[ $record == yes && $walk != pages && $walk != tutorial && $walk != keys && $walk != bootstrap ]]; then
        mkdir -p tests/transcripts
        python3 "$here/trim.py" "$work/$walk.jsonl" "tests/transcripts/$walk.jsonl"
    fi
done

told=yes
python3 "$here/table.py" "$ROWS" $((SECONDS - started))
