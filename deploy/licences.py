#!/usr/bin/env python3
"""licences.py METADATA LICENCES SBOM: from `cargo metadata`, the licence texts of all crates that are built in, and a CycloneDX list of them.

Crates that only tests or build scripts use are in neither. A crate without a licence fails.
"""

import json
import re
import sys
from pathlib import Path

NAMES = re.compile(r"^(licen[cs]e|copying|notice|copyright)", re.IGNORECASE)


def built_in(metadata):
    """The packages that the program is linked from, by id."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    packages = {package["id"]: package for package in metadata["packages"]}
    open_, found = [metadata["resolve"]["root"]], set()
    while open_:
        one = open_.pop()
        if one in found:
            continue
        found.add(one)
        for dependency in nodes[one]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                open_.append(dependency["pkg"])
    found.discard(metadata["resolve"]["root"])
    return sorted((packages[one] for one in found), key=lambda package: (package["name"], package["version"]))


def texts(package):
    folder = Path(package["manifest_path"]).parent
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and NAMES.match(path.name)]
    return [(path.name, path.read_text(encoding="utf-8", errors="replace").strip()) for path in files]


def main(metadata, licences, sbom):
    metadata = json.loads(Path(metadata).read_text(encoding="utf-8"))
    packages = built_in(metadata)
    without = [package["name"] for package in packages if not package["license"] and not package["license_file"]]
    if without:
        sys.exit(f"licences.py: no licence: {', '.join(without)}")
    parts, components = ["Licences of what keyless is built from.\n"], []
    for package in packages:
        licence = package["license"] or "see below"
        parts.append(f"{'=' * 100}\n{package['name']} {package['version']}: {licence}\n{package['repository'] or ''}\n")
        found = texts(package)
        parts += [f"{'-' * 100}\n{text}\n" for _, text in found] or ["(The crate carries no text of its licence.)\n"]
        components.append(
            {
                "type": "library",
                "name": package["name"],
                "version": package["version"],
                "purl": f"pkg:cargo/{package['name']}@{package['version']}",
                "licenses": [{"expression": licence.replace("/", " OR ")}] if package["license"] else [],
            }
        )
    Path(licences).write_text("\n".join(parts), encoding="utf-8")
    root = next(one for one in metadata["packages"] if one["id"] == metadata["resolve"]["root"])
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": root["name"], "version": root["version"]}},
        "components": components,
    }
    Path(sbom).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"{len(packages)} crates")


if __name__ == "__main__":
    main(*sys.argv[1:])
