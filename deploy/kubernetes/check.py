"""Checks Kubernetes documents against the schemas of several versions, and what has to agree.

check.py DOCUMENTS.yaml OPERATOR.json RULES.yml ...

The second is written: what needs the operator's schemas.
"""

import json
import re
import sys

import kubernetes_validate
import yaml

VERSIONS = ["1.29", "1.33", "1.37"]
OPERATOR = "monitoring.coreos.com/"


def check_schemas(documents: list) -> list:
    """Returns what is wrong."""
    mistakes = []
    for document in documents:
        name = f"{document['kind']}/{document['metadata']['name']}"
        before = len(mistakes)
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                mistakes.append(f"{name}, Kubernetes {version}: {error.message}")
        if len(mistakes) == before:
            print(f"{name}: valid for Kubernetes {', '.join(VERSIONS)}")
    return mistakes


def check_agreement(documents: list) -> list:
    """What no schema knows: replicas and TOTAL, ports, hardening."""
    by_kind = {document["kind"]: document for document in documents}
    spec = by_kind["StatefulSet"]["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    mistakes = []
    shards = [re.fullmatch(r"--shard=pod/(\d+)", argument) for argument in container["args"]]
    totals = [int(shard[1]) for shard in shards if shard]
    if totals != [spec["replicas"]]:
        mistakes.append(f"--shard says {totals}, replicas {spec['replicas']}")
    if by_kind["Service"]["spec"]["ports"][0]["targetPort"] != container["ports"][0]["name"]:
        mistakes.append("the Service does not lead to the container's port")
    context = container["securityContext"]
    hardened = {
        "runAsNonRoot": pod["securityContext"].get("runAsNonRoot"),
        "readOnlyRootFilesystem": context.get("readOnlyRootFilesystem"),
        "no privileges": context.get("allowPrivilegeEscalation") is False,
        "no capabilities": context.get("capabilities") == {"drop": ["ALL"]},
        "no token": pod.get("automountServiceAccountToken") is False,
        "requests": "requests" in container["resources"],
        "probes": {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys(),
    }
    return mistakes + [f"{what} is missing" for what, there in hardened.items() if not there]


def check_monitor(documents: list, rules: str) -> list:
    """What the rules need of the targets: the job they look for, and an unchanged instance."""
    monitors = [d for d in documents if d["kind"] in ("ServiceMonitor", "PodMonitor")]
    jobs = set(re.findall(r'\bup\{job="([^"]+)"\}', rules))
    mistakes = [] if jobs else ["the rules look for no job"]
    for endpoint in (e for d in monitors for e in d["spec"]["endpoints"]):
        relabelings = endpoint.get("relabelings", [])
        given = {r.get("replacement") for r in relabelings if r.get("targetLabel") == "job"}
        if given != jobs:
            mistakes.append(f"targets have the job {given or 'of the Service'}, the rules look for {jobs}")
        changed = relabelings + endpoint.get("metricRelabelings", [])
        if any(r.get("targetLabel") == "instance" for r in changed):
            mistakes.append("instance is changed: rules join by job and instance")
    return mistakes


def main(source: str, for_operator: str, *rules: str) -> int:
    with open(source, encoding="utf-8") as file:
        documents = [document for document in yaml.safe_load_all(file) if document]
    operators = [d for d in documents if d["apiVersion"].startswith(OPERATOR)]
    with open(for_operator, "w", encoding="utf-8") as file:
        json.dump(operators, file)
    others = [d for d in documents if d not in operators]
    mistakes = check_schemas(others) + check_agreement(documents)
    texts = []
    for path in rules:
        with open(path, encoding="utf-8") as file:
            texts.append(file.read())
    mistakes += check_monitor(operators, "\n".join(texts))
    print("\n".join(mistakes))
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
