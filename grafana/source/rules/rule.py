"""Rules as Prometheus reads them, and what every alert has: whom it is for, what to read, where to look."""

from ..texts import dashboard_path

Rule = dict
Group = dict

# Longer expressions stand on lines of their own.
ONE_LINE = 80


def _link(label: str) -> str:
    """A link that the user sets once, in liveperson.settings.rules.yml."""
    return '{{ with query "liveperson_settings:links" }}{{ . | first | label "' + label + '" }}{{ end }}'


def _expression(expr: str) -> str:
    # A final line break makes YAML keep the lines as they are.
    return expr if len(expr) <= ONE_LINE and "\n" not in expr else expr + "\n"


def record(name: str, expr: str, comment: str = "") -> Rule:
    return {"comment": comment, "record": name, "expr": _expression(expr)}


def alert(
    name: str,
    expr: str,
    *,
    summary: str,
    description: str,
    severity: str = "warning",
    audience: str = "operations",
    board: str = "exporter",
    wait: str = "",
    keep: str = "",
    comment: str = "",
) -> Rule:
    """An alert. `wait` is its `for`, `keep` its `keep_firing_for`.

    severity: critical pages, warning can wait for the morning. audience: operations for who
    runs the exporter, contact_centre for who plans its agents.
    """
    # Without spaces no line is broken within it.
    account = "?var-account={{$labels.account}}" if "$labels.account" in summary else ""
    durations = {"for": wait, "keep_firing_for": keep}
    return {
        "comment": comment,
        "alert": f"LivePerson{name}",
        "expr": _expression(expr),
        **{key: value for key, value in durations.items() if value},
        "labels": {"severity": severity, "audience": audience},
        "annotations": {
            "summary": summary,
            "description": description,
            "runbook_url": f"{_link('runbook')}#liveperson{name.lower()}",
            "dashboard_url": f"{_link('grafana')}{dashboard_path(board)}{account}",
        },
    }


def group(name: str, rules: list[Rule], interval: str = "", comment: str = "") -> Group:
    timing = {"interval": interval} if interval else {}
    return {"comment": comment, "name": f"liveperson.{name}", **timing, "rules": rules}
