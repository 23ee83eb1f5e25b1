"""What the panels of the exporter's dashboard share."""

from ... import promql
from ...panels import BAD, GOOD, chart, words

REPLICAS = 'job=~"$job", instance=~"$instance"'
CHOSEN = f"{REPLICAS}, {promql.ACCOUNTS}"
COLLECTOR = ("account", "collector")
FAILED = 'code!~"2..|304"'
EACH = "{{instance}} {{account}} {{collector}}"
UP_WORDS = words({"1": ("✔ up", GOOD), "0": ("✖ down", BAD)})


def chosen(name: str, *more: str) -> str:
    return promql.selector(name, CHOSEN, *more)


def of_process(name: str) -> str:
    return promql.selector(name, REPLICAS)


def risen(counter: str, span: str) -> str:
    """By how much a counter rose, the first rise included: a new series begins at 0."""
    return promql.either(
        f"({counter} unless {counter} offset {span} and on (job, instance) {of_process('up')} offset {span})",
        f"increase({counter}[{span}])",
    )


def third(title: str, description: str, *queries, **more):
    return chart(title, description, (8, 8), *queries, **more)


def quarter(title: str, description: str, *queries, **more):
    return chart(title, description, (6, 8), *queries, **more)
