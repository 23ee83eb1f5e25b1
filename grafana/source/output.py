"""Dashboards as JSON and rules as YAML: how they are written, and whether the files say the same."""

import difflib
import json
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml
from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

GRAFANA = Path(__file__).resolve().parent.parent
# Longer lines of text are folded.
YAML_WIDTH = 100

Files = dict[Path, str]


def dashboards(boards: Mapping[str, Callable[[], Dashboard]]) -> Files:
    """The JSON of each dashboard, by file; `boards` has a function for each file name."""
    files = {}
    for name, build in boards.items():
        plain = json.loads(JSONEncoder().encode(build().build()))
        files[GRAFANA / "dashboards" / name] = json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return files


def rules(files: Mapping[str, Callable[[], tuple[str, list[dict]]]]) -> Files:
    """The YAML of each file of rules; `files` has a function for each file name, which returns the
    comment at the file's top, without `#`, and the groups. Groups and rules may have a `comment`, too."""
    return {GRAFANA / "rules" / name: _rules_yaml(*build()) for name, build in files.items()}


def _rules_yaml(comment: str, groups: list[dict]) -> str:
    head = _comment(comment.strip(), 0) + "#\n# Written by grafana/generate from grafana/source; do not edit.\ngroups:\n"
    return head + "\n".join(map(_group_yaml, groups))


def _group_yaml(group: dict) -> str:
    plain = {key: value for key, value in group.items() if key not in ("comment", "rules")}
    head = _comment(group["comment"], 2) + _item(plain, 2) + "    rules:\n"
    return head + "\n".join(_comment(rule["comment"], 6) + _item(rule, 6) for rule in group["rules"])


def _item(value: dict, indent: int) -> str:
    """One element of a list."""
    plain = {key: value for key, value in value.items() if key != "comment"}
    options = {"sort_keys": False, "allow_unicode": True, "width": YAML_WIDTH - indent, "indent": 2}
    text = yaml.dump(plain, Dumper=_Dumper, **options)
    first, rest = " " * indent + "- ", " " * (indent + 2)
    return first + textwrap.indent(text, rest).removeprefix(rest)


def _comment(text: str, indent: int) -> str:
    return "".join(f"{' ' * indent}# {line}".rstrip() + "\n" for line in text.splitlines())


class _Dumper(yaml.SafeDumper):
    """Lists indented below their key; expressions of several lines as `|`, long texts as `>-`."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    if "\n" in text:
        style = "|"
    elif len(text) > YAML_WIDTH - 20 and " " in text:
        style = ">"
    else:
        style = None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def write(files: Files) -> int:
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return 0


def check(files: Files) -> int:
    """Compares the files with what their source says, prints the differences, 1 when there are any."""
    stale = 0
    for path, text in files.items():
        present = path.read_text(encoding="utf-8") if path.exists() else ""
        if present != text:
            name = str(path.relative_to(GRAFANA.parent))
            lines = (present.splitlines(True), text.splitlines(True))
            sys.stderr.writelines(list(difflib.unified_diff(*lines, name, "its source"))[:60])
            print(f"{name} is not what grafana/source says; run grafana/generate", file=sys.stderr)
            stale = 1
    for path in sorted((GRAFANA / "dashboards").glob("*.json")):
        if path not in files:
            print(f"{path.relative_to(GRAFANA.parent)} has no source", file=sys.stderr)
            stale = 1
    return stale
