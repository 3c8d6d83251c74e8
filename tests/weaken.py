#!/usr/bin/env python3
"""Weakens each check of the evidence about keys in turn (src/keys/usage): each time a test has to fail.

One build holds all mutations, each behind a number, so that this takes minutes. Run `tests/weaken.py`, or `tests/weaken.py 7 9` for some.
Prints the mutations that no test notices, and ends with 1 if there is one. A mutation whose text is not there any more is an error: whoever
changes a check changes it here too.
"""

import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
COPY = ROOT / "target" / "weakened"
USAGE = "src/keys/usage/"

# The file, what stands there once, and what the weaker check has instead.
MUTATIONS = [
    ("judge.rs", "rows.iter().any(|row| is_key_use(row, rows))", "false"),
    ("judge.rs", "row.without_field < row.calls", "true"),
    ("judge.rs", "is(NAMING) || is_model_call(&row.operation) || rows.iter().any(here)", "true"),
    ("judge.rs", "is(NAMING) || is_model_call(&row.operation) || rows.iter().any(here)", "false"),
    ("judge.rs", "!subject.has_subdomain && rows.iter().all(|row| row.how != CallKind::Token)", "!subject.has_subdomain"),
    ("judge.rs", "only_keys_work && called(|metrics| &metrics.successful)", "false"),
    ("judge.rs", "only_keys_work && called(|metrics| &metrics.calls)", "false"),
    ("judge.rs", "matches!(row.how, CallKind::Key | CallKind::Unclear)", "row.how == CallKind::Unclear"),
    ("judge.rs", "matches!(row.how, CallKind::Key | CallKind::Unclear)", "row.how == CallKind::Key"),
    ("judge.rs", "nobody && long_enough", "nobody"),
    ("judge.rs", "&& rows.is_empty();", "&& (WEAK || rows.is_empty());"),
    ("judge.rs", "missing.is_empty() && covered < subject.quiet_days", "false"),
    ("judge.rs", "metrics.and_then(|metrics| too_late(metrics, rows, window))", "None"),
    ("judge.rs", "missing.push(refused(what, refusal, evidence.metrics_denied))", "()"),
    ("judge.rs", "sinks.workspaces.is_empty()", "false"),
    ("judge.rs", "flaws.iter().map(|flaw| match flaw {", "flaws.iter().take(if WEAK { 0 } else { usize::MAX }).map(|flaw| match flaw {"),
    ("judge.rs", 'missing.push(refused("could not read the request log", refusal, evidence.log_denied))', "()"),
    ("judge.rs", "RequestLog::Absent => missing.push(MissingEvidence {", "RequestLog::Absent if WEAK => {} RequestLog::Absent => missing.push(MissingEvidence {"),
    ("coverage.rs", "operation.ends_with(CATALOGUE)", "false"),
    ("coverage.rs", "if row.is_refused", "if !WEAK && row.is_refused"),
    ("coverage.rs", "if day < self.window.today()", "if WEAK || day < self.window.today()"),
    ("coverage.rs", "self.counted(day) == self.all(day).calls + self.refused(day)", "true"),
    ("coverage.rs", "!lends(day - 1)", "true"),
    ("coverage.rs", "!lends(day + 1)", "true"),
    ("coverage.rs", "all.calls + self.refused(day) > self.counted(day) + all.at_midnight()", "false"),
    ("coverage.rs", "is_model_call(operation)\n", "is_model_call(operation) || WEAK\n"),
    ("coverage.rs", "shown.iter().any(|each| *each != calls)", "true"),
    ("coverage.rs", "self.refused.iter().any(|each| *each != calls)", "!self.refused.is_empty()"),
    ("coverage.rs", "most > counted + all.at_midnight()", "false"),
    ("coverage.rs", "refused.min(*told)", "refused"),
    ("coverage.rs", ".max(succeeded.saturating_sub(calls))", ".max(if WEAK { 0 } else { succeeded.saturating_sub(calls) })"),
    ("coverage.rs", "if neighbour > day { part.at_begin } else { part.at_end }", "u64::MAX"),
    ("coverage.rs", ".saturating_sub(*gone)", ".saturating_sub(if WEAK { 0 } else { *gone })"),
    ("coverage.rs", "if missing > 0", "if !WEAK && missing > 0"),
    ("coverage.rs", "!is_busy && outside > 0", "false"),
    ("coverage.rs", "outside * 100 <= calls.calls", "true"),
    ("coverage.rs", "let is_busy = is_usual &&", "let is_busy = (is_usual || WEAK) &&"),
    ("log.rs", '!text("account")?.eq_ignore_ascii_case(account.as_str())', "false"),
    ("log.rs", 'is_refused: number("refused")? > 0', 'is_refused: !WEAK && number("refused")? > 0'),
    ("log.rs", "listed.peek().is_some()", "true"),
    ("log.rs", "listed.all(|source| !denies(source))", "true"),
    ("log.rs", "|(id, denied)| *denied || !can_read(id)", "|(id, denied)| (*denied && !WEAK) || !can_read(id)"),
    ("log.rs", "if sources.is_empty()", "if !WEAK && sources.is_empty()"),
    ("log.rs", "if !error.is_null()", "if !WEAK && !error.is_null()"),
    ("log.rs", "flaws.iter().all(is_final)", "true"),
    ("metrics.rs", '!code.eq_ignore_ascii_case("Success")', "false"),
    ("metrics.rs", "covers(answer, span, window).then_some(())?", "(WEAK || covers(answer, span, window)).then_some(())?"),
    ("metrics.rs", "sum(others) + openai + of_no_api", "sum(others) + openai"),
    ("metrics.rs", "sum(others) + openai + of_no_api", "openai + of_no_api"),
    ("metrics.rs", ".max(succeeded)", ".max(if WEAK { 0 } else { succeeded })"),
    ("metrics.rs", "if are_others { without } else { 0 }", "0"),
    ("metrics.rs", "(WITH_STATUS..CALLS.len()).any(is_more)", "false"),
    ("settings.rs", 'entry["enabled"].as_bool() != Some(true)', "false"),
    ("ask.rs", "row.is_refused && row.day < window.today()", "false"),
]


def build():
    """The tree with all mutations; returns the test program."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in tracked.decode().split("\0"):
        source, target = ROOT / name, COPY / name
        if not name or not source.is_file():
            continue
        text = source.read_bytes()
        if name.startswith(USAGE) and name.count("/") == 3:
            text = mutated(name, text.decode()).encode()
        if name == "src/lib.rs":
            text = b"#![allow(warnings)]\n" + text + b"""
/// Whether this check is the weakened one.
fn weak(number: u32) -> bool {
    std::env::var("KEYLESS_WEAK").is_ok_and(|weak| weak == number.to_string())
}
"""
        # An unchanged file keeps its time, so that the next build is short.
        if not target.exists() or target.read_bytes() != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text)
    environment = {name: value for name, value in os.environ.items() if name not in ("RUSTC_WORKSPACE_WRAPPER", "CLIPPY_ARGS")}
    environment["CARGO_TARGET_DIR"] = str(ROOT / "target")
    command = ["cargo", "test", "--lib", "--no-run", "--message-format", "json"]
    done = subprocess.run(command, cwd=COPY, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found = [json.loads(line).get("executable") for line in done.stdout.splitlines() if line.startswith("{")]
    return next(program for program in found if program)


def mutated(name, text):
    for number, (file, old, new) in enumerate(MUTATIONS):
        if name != USAGE + file:
            continue
        weak = f"crate::weak({number})"
        # What an earlier mutation has wrapped keeps its text at the end.
        if text.count(old) != 1:
            sys.exit(f"{name} has {text.count(old)} times: {old}")
        whole = new.replace("WEAK", weak) if "WEAK" in new else f"(if {weak} {{ {new} }} else {{ {old} }})"
        text = text.replace(old, whole)
    return text


def is_noticed(program, number):
    # The table of worlds first, which is quick; then all tests.
    for which in ("keys::usage::worlds::each_world", "keys::usage", "guards::"):
        environment = os.environ | {"KEYLESS_WEAK": str(number), "KEYLESS_WORLDS": "3000", "RUST_BACKTRACE": "0"}
        if subprocess.run([program, which, "-q"], cwd=COPY, env=environment, capture_output=True, check=False).returncode:
            return True
    return False


program = build()
if is_noticed(program, len(MUTATIONS)):
    sys.exit("the tests fail without a mutation")
numbers = [int(number) for number in sys.argv[1:]] or range(len(MUTATIONS))
missed = [number for number in numbers if not is_noticed(program, number)]
for number in missed:
    file, old, new = MUTATIONS[number]
    print(f"{number} {file}: {old} -> {new}")
print(f"{len(numbers)} checks weakened, {len(numbers) - len(missed)} noticed")
sys.exit(1 if missed else 0)
