#!/usr/bin/env python3
"""Resolves the variables of dashboards as Grafana does and runs every query of every panel.

Each must be answered, and name every id once. Prints what is wrong, one line each; exit status 1 when
anything is.

    tests/dashboards/queries.py --prometheus http://localhost:9090 grafana/dashboards/*.json
"""

import argparse
import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

NICE_STEPS = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400]
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
# Labels that say the same as an id.
NAMES = {"name", "agent_name", "limit"}
# What remains to be said when there is no data, and has to be.
SAYS_SO = {"Data"}


class Prometheus:
    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **parameters) -> dict:
        data = urllib.parse.urlencode(parameters, doseq=True)
        try:
            # Only queries may be posted.
            asked = f"{self.url}/api/v1/{path}"
            asked = (f"{asked}?{data}",) if path.startswith("label") else (asked, data.encode())
            with urllib.request.urlopen(*asked, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)


class Board:
    """One dashboard at one time, with the accounts that are chosen in it."""

    def __init__(self, prometheus: Prometheus, path: str, args: argparse.Namespace) -> None:
        with open(path, encoding="utf-8") as file:
            self.json = json.load(file)
        self.prometheus, self.at, self.accounts, self.scrape = prometheus, args.at, args.accounts, args.scrape
        self.name, self.may_be_empty = self.json["title"], args.may_be_empty.split(",")
        self.faults: list[str] = []
        self.values: dict[str, str] = {"datasource": "prometheus"}
        self.span = seconds(args.since or self.json["time"]["from"].removeprefix("now-"))
        for variable in self.json["templating"]["list"]:
            self.values[variable["name"]] = self.value(variable)

    # Variables

    def value(self, variable: dict) -> str:
        current = variable.get("current", {}).get("value")
        if variable["type"] != "query":
            return "prometheus" if variable["type"] == "datasource" else current
        options = self.options(variable)
        if variable["name"] == "account" and self.accounts != "all":
            chosen = self.accounts.split(",")
            # Several values become an alternative, one stands for itself.
            return chosen[0] if len(chosen) == 1 else "(" + "|".join(chosen) + ")"
        if variable.get("includeAll"):
            return variable.get("allValue") or "(" + "|".join(map(escaped, options)) + ")"
        if variable.get("sort") in (3, 4):
            options.sort(key=float, reverse=variable["sort"] == 4)
        return current if current in options else next(iter(options), "")

    def options(self, variable: dict) -> list[str]:
        asked = self.filled(variable["query"]["query"], self.span)
        # The patterns are Grafana's own: neither knows line breaks.
        if listed := re.match(r"^label_values\((?:(.+),\s*)?([a-zA-Z_$][\w$]*)\)\s*$", asked):
            answer = self.prometheus.get(
                f"label/{listed[2]}/values", **{"match[]": listed[1], "start": self.at - self.span, "end": self.at}
            )
            texts = answer.get("data") or []
        elif queried := re.match(r"^query_result\((.+)\)\s*$", asked):
            answer = self.prometheus.get("query", query=queried[1], time=self.at)
            texts = [self.text(series) for series in answer.get("data", {}).get("result", [])]
        else:
            self.fault(f"variable {variable['name']}", "Grafana does not understand its query")
            return []
        if answer["status"] != "success":
            self.fault(f"variable {variable['name']}", answer["error"])
        return self.matched(variable.get("regex", ""), texts)

    @staticmethod
    def text(series: dict) -> str:
        """A series as Grafana hands it to the regex of a variable."""
        labels = dict(series["metric"])
        name = labels.pop("__name__", "")
        pairs = ",".join(f'{label}="{value}"' for label, value in labels.items())
        return f"{name}{{{pairs}}} {series['value'][1]} {series['value'][0] * 1000:.0f}"

    @staticmethod
    def matched(regex: str, texts: list[str]) -> list[str]:
        if not regex:
            return texts
        pattern = re.compile(regex.strip("/").replace("(?<", "(?P<"))
        found = [match for match in map(pattern.search, texts) if match]
        values = [m["value"] if "value" in m.groupdict() else m[1] for m in found]
        return list(dict.fromkeys(values))

    def filled(self, text: str, span: float, step: float = 60) -> str:
        builtin = {
            "__interval": f"{step:.0f}s",
            "__rate_interval": f"{max(step + self.scrape, 4 * self.scrape):.0f}s",
            "__range": f"{span:.0f}s",
        }

        def value(match: re.Match) -> str:
            name = match[1] or match[2]
            if name not in builtin and name not in self.values:
                # "$1" is for label_replace.
                return match[0]
            return builtin.get(name, self.values.get(name))

        return re.sub(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)", value, text)

    # Panels

    def fault(self, where: str, what: str) -> None:
        self.faults.append(f"{self.name}: {where}: {what}")

    def panels(self) -> list[dict]:
        return [panel for panel in self.json["panels"] if panel.get("targets")]

    def span_of(self, panel: dict) -> float:
        since = panel.get("timeFrom")
        if since == "now/d":
            return self.at % 86400
        return seconds(since) if since else self.span

    def ask(self, panel: dict, target: dict) -> list[dict]:
        """The series of a target; faults are noted."""
        span = self.span_of(panel)
        wanted = max(span / 1000, seconds(panel.get("interval", "0s")), self.scrape)
        step = next(nice for nice in NICE_STEPS if nice >= wanted)
        query = self.filled(target["expr"], span, step)
        where = f"{panel['title']}, {target['refId']}"
        if left := re.search(r"\$[a-zA-Z_{]\w*", re.sub(r'"[^"]*"', "", query)):
            self.fault(where, f"{left[0]} is not filled in")
        if target.get("instant"):
            answer = self.prometheus.get("query", query=query, time=self.at)
        else:
            answer = self.prometheus.get("query_range", query=query, start=self.at - span, end=self.at, step=step)
        if answer["status"] != "success":
            self.fault(where, f"{answer['error']}\n{query}")
            return []
        for warning in answer.get("warnings", []):
            self.fault(where, f"warning: {warning}")
        found = answer["data"]["result"]
        self.unique(where, found)
        return found

    def unique(self, where: str, found: list[dict]) -> None:
        seen = set()
        for series in found:
            ids = tuple(sorted((k, v) for k, v in series["metric"].items() if k not in NAMES))
            if ids in seen:
                self.fault(where, f"twice: {dict(ids)}")
            seen.add(ids)

    def annotations(self) -> None:
        for annotation in self.json.get("annotations", {}).get("list", []):
            panel = {"title": f"annotation {annotation['name']}", "interval": annotation["step"]}
            self.ask(panel, {"expr": annotation["expr"], "refId": "A"})

    def run(self, expect: str) -> list[str]:
        self.annotations()
        for panel in self.panels():
            found = {target["refId"]: self.ask(panel, target) for target in panel["targets"]}
            if expect == "served":
                self.has_values(panel, found)
            elif expect == "outage" and self.name != "LivePerson / Exporter":
                self.is_empty(panel, found)
        return self.faults

    def has_values(self, panel: dict, found: dict[str, list]) -> None:
        nothing_is_good = panel["fieldConfig"]["defaults"].get("noValue", "").startswith("✔")
        if not any(found.values()) and not nothing_is_good and panel["title"] not in self.may_be_empty:
            self.fault(panel["title"], "no query has a value")

    def is_empty(self, panel: dict, found: dict[str, list]) -> None:
        """After an outage no number may stand there as if it were of now."""
        present = [target for target in panel["targets"] if target.get("instant")]
        served = [target["refId"] for target in present if found[target["refId"]]]
        if panel["title"] in SAYS_SO:
            legends = [t["legendFormat"] for t in present if found[t["refId"]]]
            if not legends or not all("✖" in legend for legend in legends):
                self.fault(panel["title"], f"does not say that the data is stale: {legends}")
        elif served:
            self.fault(panel["title"], f"{served} have values after an outage")


def escaped(value: str) -> str:
    """A value within a regular expression within a string of PromQL, as Grafana writes it."""
    return re.sub(r"[$^*{}\[\]'+?.()|]", r"\\\\\g<0>", value.replace("\\", "\\" * 4))


def seconds(duration: str) -> float:
    return sum(float(n) * UNITS[unit] for n, unit in re.findall(r"([0-9.]+)([smhdw])", duration))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prometheus", required=True, help="its URL")
    parser.add_argument("--at", type=float, required=True, help="the present, in seconds since the epoch")
    parser.add_argument(
        "--scrape", type=int, default=15, help="seconds between two scrapes, as the data source is configured"
    )
    parser.add_argument(
        "--since", default="", help="how far back the time range goes, such as 2h; otherwise each its own"
    )
    parser.add_argument("--accounts", default="all", help="all, or account ids with commas")
    parser.add_argument("--may-be-empty", default="", help="panels that need not have a value, with commas")
    parser.add_argument("--expect", choices=["answers", "served", "outage"], default="answers")
    parser.add_argument("dashboards", nargs="+")
    args = parser.parse_args()
    faults, queries = [], 0
    for path in args.dashboards:
        board = Board(Prometheus(args.prometheus), path, args)
        faults += board.run(args.expect)
        queries += sum(len(panel["targets"]) for panel in board.panels())
    print("\n".join(faults) if faults else f"{queries} queries")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
