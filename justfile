# Run `just check` before you submit a change.

default: check

# The quick part of .ci/run, which also runs real clients against the sandbox and the long scripts of tests/.
check: test format lint deny

test:
    cargo test

# The tests that `test` leaves out because they take long, with every row, as in .ci/run.
slow *names:
    tests/slow.sh {{names}}

format:
    cargo fmt --check

lint:
    cargo clippy --all-targets -- -D warnings

deny:
    cargo fetch --locked
    tests/deny.sh

# What each command costs as a fleet grows, next to a client that only downloads and parses: sizes 1k, 11k, 110k.
bench *sizes:
    cargo build --release --bins --examples
    python3 benches/commands.py {{sizes}}

# The long tests at full size, with new seeds each time.
nightly:
    tests/nightly.sh

# Tries beliefs of docs/unproven.md on the account that SUBSCRIPTION, RESOURCE_GROUP and ACCOUNT name; reads only, without `--writes`.
prove *options:
    python3 tests/prove.py {{options}}

# Regenerates the JSON Schemas.
schema:
    cargo run -q -- schema spec > schema/spec.schema.json
    cargo run -q -- schema plan > schema/plan.schema.json
    cargo run -q -- schema report > schema/report.schema.json
    cargo run -q -- schema access > schema/access.schema.json
    cargo run -q -- schema doctor > schema/doctor.schema.json
    cargo run -q -- schema outputs > schema/outputs.schema.json
    cargo run -q -- schema verify > schema/verify.schema.json
    cargo run -q -- schema keys-status > schema/keys-status.schema.json
    cargo run -q -- schema keys-usage > schema/keys-usage.schema.json
    cargo run -q -- schema keys-revoke > schema/keys-revoke.schema.json
