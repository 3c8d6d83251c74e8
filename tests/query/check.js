// Holds a query against Microsoft's Kusto language service: once with a table that has the base columns only, once with all that it can have.
// Usage: node check.js FOLDER_OF_THE_PACKAGE FILE COLUMNS
const fs = require("fs");
const path = require("path");
const vm = require("vm");

const [folder, file, expected] = process.argv.slice(2);
for (const name of ["bridge.min.js", "Kusto.Language.Bridge.min.js"]) {
  vm.runInThisContext(fs.readFileSync(path.join(folder, name), "utf8"), { filename: name });
}
const { GlobalState, KustoCode, Symbols } = Kusto.Language;

const base = {
  TimeGenerated: "datetime",
  Category: "string",
  OperationName: "string",
  CorrelationId: "string",
  CallerIPAddress: "string",
  ResultSignature: "string",
  ResourceProvider: "string",
  _ResourceId: "string",
};
const all = { ...base, properties_s: "string", AdditionalFields: "dynamic", callerObjectId_g: "guid", objectId_g: "guid" };
const query = fs
  .readFileSync(file, "utf8")
  .replace("{since}", "2026-10-27T00:00:00Z")
  .replace("{until}", "2026-11-26T00:00:00Z");

let wrong = 0;
for (const columns of [base, all]) {
  const schema = Object.entries(columns).map(([name, type]) => `${name}: ${type}`);
  const table = new Symbols.TableSymbol.$ctor7("AzureDiagnostics", `(${schema.join(", ")})`, null);
  const database = new Symbols.DatabaseSymbol.ctor("logs", [table]);
  const code = KustoCode.ParseAndAnalyze(query, GlobalState.Default.WithDatabase(database));
  const found = code.GetDiagnostics();
  for (let at = 0; at < found.Count; at++) {
    const { Severity, Code, Start, Message } = found.getItem(at);
    console.log(`${Severity} ${Code} at ${Start}: ${Message}`);
    wrong++;
  }
  const result = code.ResultType.Columns;
  const names = [];
  for (let at = 0; at < result.Count; at++) names.push(result.getItem(at).Name);
  if (names.join(" ") !== expected) {
    console.log(`the query returns ${names.join(" ")}, and ${expected} is expected`);
    wrong++;
  }
}
process.exit(wrong ? 1 : 0);
