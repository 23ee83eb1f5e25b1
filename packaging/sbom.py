"""Writes what the binary is made of as CycloneDX 1.5, from cargo's own metadata:

    sbom.py TIME <METADATA.json

The metadata is that of `cargo metadata --locked --filter-platform TARGET`. Only what is linked is
listed: build tools and what tests need are not.
"""

import datetime
import json
import sys


def linked(metadata: dict) -> set:
    """The ids of the packages that are linked into the binary."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    found, waiting = set(), [metadata["resolve"]["root"]]
    while waiting:
        package = waiting.pop()
        if package in found:
            continue
        found.add(package)
        for dependency in nodes[package]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    return found


def component(package: dict, kind: str = "library") -> dict:
    described = {
        "type": kind,
        "bom-ref": f"{package['name']}@{package['version']}",
        "name": package["name"],
        "version": package["version"],
        "purl": f"pkg:cargo/{package['name']}@{package['version']}",
    }
    if package.get("license"):
        # Some crates still write a slash for OR, which SPDX does not know.
        expression = package["license"].replace("/", " OR ")
        described["licenses"] = [{"expression": expression}]
    if package.get("repository"):
        reference = {"type": "vcs", "url": package["repository"]}
        described["externalReferences"] = [reference]
    return described


def dependencies(metadata: dict, included: set, names: dict) -> list:
    edges = []
    for node in metadata["resolve"]["nodes"]:
        if node["id"] in included:
            below = sorted(names[d["pkg"]] for d in node["deps"] if d["pkg"] in included)
            edges.append({"ref": names[node["id"]], "dependsOn": below})
    return sorted(edges, key=lambda edge: edge["ref"])


def main(time: str) -> None:
    metadata = json.load(sys.stdin)
    included = linked(metadata)
    packages = {package["id"]: package for package in metadata["packages"]}
    root = metadata["resolve"]["root"]
    names = {i: f"{packages[i]['name']}@{packages[i]['version']}" for i in included}
    libraries = [component(packages[i]) for i in included if i != root]
    created = datetime.datetime.fromtimestamp(int(time), datetime.timezone.utc)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": component(packages[root], "application"),
        },
        "components": sorted(libraries, key=lambda entry: entry["bom-ref"]),
        "dependencies": dependencies(metadata, included, names),
    }
    json.dump(document, sys.stdout, indent=2, sort_keys=True)
    print()


if __name__ == "__main__":
    main(*sys.argv[1:])
