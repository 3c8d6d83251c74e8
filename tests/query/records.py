"""Runs the query of `keyless keys usage` over made records, with duckdb-kql: what it makes of twin records, of fields that moved, of a call in
two workspaces.

Usage: records.py QUERY_FILE. Two functions that duckdb-kql does not have are replaced first: `column_ifexists` by the column or its default, and
`make_set_if` by `make_set`.
"""

import json
import re
import sys

import duckdb
import duckdb_kql

BASE = ["Category", "OperationName", "CorrelationId", "CallerIPAddress", "ResultSignature", "ResourceProvider", "_ResourceId"]
ACCOUNT = "/SUBSCRIPTIONS/S/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.COGNITIVESERVICES/ACCOUNTS/CHAT"
ALICE = "b610ab05-0000-4000-8000-000000000001"
CHAT = "ChatCompletions_Create"
NOON = "2026-11-03 12:00:00"


def record(call, status="200", at=NOON, operation=CHAT, category="RequestResponse", more=None, **properties):
    """A record; `more` are columns that only some tables have."""
    return {
        "TimeGenerated": at,
        "Category": category,
        "OperationName": operation,
        "CorrelationId": call,
        "CallerIPAddress": "81.2.69.***",
        "ResultSignature": status,
        "ResourceProvider": "MICROSOFT.COGNITIVESERVICES",
        "_ResourceId": ACCOUNT,
        "properties_s": json.dumps({"apiName": "Azure OpenAI", **properties}),
        **(more or {}),
    }


# Each case: records, and the rows (how, calls, calls without the field for a caller, callers, at midnight).
CASES = {
    "a key: the field is empty": ([record("1", objectId="")], [("key", 1, 0, [], 0)]),
    "a token": ([record("1", objectId=ALICE)], [("token", 1, 0, [ALICE], 0)]),
    "the newer field": ([record("1", callerObjectId=ALICE.upper())], [("token", 1, 0, [ALICE], 0)]),
    "the field spelled otherwise": ([record("1", objectid=ALICE)], [("token", 1, 0, [ALICE], 0)]),
    "the field with an underscore": ([record("1", object_id=ALICE)], [("token", 1, 0, [ALICE], 0)]),
    "properties that are encoded twice": (
        [{**record("1"), "properties_s": json.dumps(json.dumps({"objectId": ALICE}))}],
        [("token", 1, 0, [ALICE], 0)],
    ),
    "an id that is not the caller's": ([record("1", assistantObjectId=ALICE, objectId="")], [("key", 1, 0, [], 0)]),
    "only an id that is not the caller's": ([record("1", assistantObjectId=ALICE)], [("key", 1, 1, [], 0)]),
    "an id of zeros is none": ([record("1", objectId="00000000-0000-0000-0000-000000000000")], [("key", 1, 0, [], 0)]),
    "zeros beside the newer field": (
        [record("1", objectId="00000000-0000-0000-0000-000000000000", callerObjectId=ALICE)],
        [("token", 1, 0, [ALICE], 0)],
    ),
    "no field": ([record("1")], [("key", 1, 1, [], 0)]),
    "twins, the empty one first": ([record("1"), record("1", callerObjectId=ALICE)], [("token", 1, 0, [ALICE], 0)]),
    "twins, the empty one last": ([record("1", callerObjectId=ALICE), record("1")], [("token", 1, 0, [ALICE], 0)]),
    "twins of a call with a key": ([record("1"), record("1", objectId="")], [("key", 1, 0, [], 0)]),
    "twins on two sides of midnight are one call of the first day": (
        [record("1", at="2026-11-03 23:59:59"), record("1", at="2026-11-04 00:00:01", callerObjectId=ALICE)],
        [("token", 1, 0, [ALICE], 1)],
    ),
    "one call in two workspaces": ([record("1", objectId=ALICE)] * 2, [("token", 1, 0, [ALICE], 0)]),
    "one id in two spellings": ([record("ab"), record("AB", objectId=ALICE)], [("token", 1, 0, [ALICE], 0)]),
    "records without a correlation": (
        [record("", objectId=ALICE), record("", objectId="", at="2026-11-03 12:00:01")],
        [("key", 1, 0, [], 0), ("token", 1, 0, [ALICE], 0)],
    ),
    "refused": ([record("1", "401"), record("2", "401")], [("refused", 2, 2, [], 0)]),
    "forbidden: a valid key may be": ([record("1", "403")], [("unclear", 1, 1, [], 0)]),
    "a token that was refused": ([record("1", "401", objectId=ALICE)], [("token", 1, 0, [ALICE], 0)]),
    "throttled and failed": ([record("1", "429"), record("2", "500"), record("3", "")], [("unclear", 3, 3, [], 0)]),
    "another category": ([record("1", objectId="", category="Audit")], []),
    "before and after the period": (
        [record("1", objectId="", at="2026-10-26 23:59:59"), record("2", objectId="", at="2026-11-26 00:00:01")],
        [],
    ),
    "a call that began before the period, with a record in it": (
        [record("1", at="2026-10-26 23:59:59"), record("1", at="2026-10-27 00:00:01", objectId="")],
        [],
    ),
    "a column of its own": ([record("1", more={"callerObjectId_g": ALICE})], [("token", 1, 0, [ALICE], 0)]),
    "what did not fit into columns": (
        [{**record("1", more={"AdditionalFields": json.dumps({"objectId": ALICE})}), "properties_s": ""}],
        [("token", 1, 0, [ALICE], 0)],
    ),
}


def rows(query, records):
    more = sorted({name for each in records for name in each} - {"TimeGenerated", *BASE})
    names = ["TimeGenerated", *BASE, *more]

    def column(match):
        return match[1] if match[1] in names else match[2]

    query = re.sub(r'column_ifexists\("(\w+)", ((?:[^()]|\([^()]*\))*?)\)', column, query)
    query = re.sub(r"make_set_if\((\w+), isnotempty\(\w+\), 64\)", r"make_set(\1, 64)", query)
    database = duckdb.connect()
    kinds = ", ".join(f'"{name}" {"TIMESTAMP" if name == "TimeGenerated" else "VARCHAR"}' for name in names)
    database.execute(f"create table AzureDiagnostics ({kinds})")
    for each in records:
        marks = ", ".join("?" for _ in names)
        database.execute(f"insert into AzureDiagnostics values ({marks})", [each.get(name) for name in names])
    found = duckdb_kql.query(database, query)
    at = {name: place for place, name in enumerate(found.columns)}
    for row in sorted(found.fetchall(), key=lambda row: row[at["How"]]):
        callers = [caller for caller in json.loads(row[at["Callers"]]) if caller]
        yield row[at["How"]], row[at["Calls"]], row[at["WithoutField"]], callers, row[at["AtBegin"]] + row[at["AtEnd"]]


with open(sys.argv[1], encoding="utf-8") as file:
    text = file.read().replace("{since}", "2026-10-27T00:00:00Z").replace("{until}", "2026-11-26T00:00:00Z")
wrong = 0
for name, (records, expected) in CASES.items():
    got = list(rows(text, records))
    if got != expected:
        wrong += 1
        print(f"{name}: expected {expected}, got {got}")
print(f"{len(CASES)} cases of records, {len(CASES) - wrong} ok")
sys.exit(1 if wrong else 0)
