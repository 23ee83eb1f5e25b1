"""PromQL that several rules share, and the names under which it is recorded."""

from collections.abc import Callable

from ..promql import call, either, grouped, selector

# Which API each collector asks: `collector` of liveperson_up, `api` of liveperson_api_requests_total.
COLLECTOR_APIS = {"engagement_activity": "engactivity", "sla": "sla"}
# What every collector needs.
SHARED_APIS = ("token", "domain")

REPLICA_API = ("job", "instance", "account", "api")
REPLICA_COLLECTOR = ("job", "instance", "account", "collector")

# Recorded, see `state`.
EXPORTER_UP = "liveperson_exporter:up"
DOWN = "replica_collector:liveperson_up:down"
API_UP = "replica_api:liveperson_up:min"
OVERDUE = "replica_collector:liveperson_up:overdue"
API_OVERDUE = "replica_api:liveperson_up:overdue"
FAILURES = "replica_api:liveperson_api_failures:increase20m"
UP = "account_collector:liveperson_up:max"
SERIES = "account_collector:liveperson_series:max"


def on(labels: tuple[str, ...]) -> str:
    return f"on ({', '.join(labels)})"


def labelled(expression: str, label: str, value: str) -> str:
    """`expression` with one label more."""
    return call("label_replace", expression, f'"{label}"', f'"{value}"', '""', '""')


def by_api(series: str) -> str:
    """A series by collector as one by the APIs that the collector needs."""
    own = [labelled(selector(series, f'collector="{c}"'), "api", api) for c, api in COLLECTOR_APIS.items()]
    shared = [labelled(series, "api", api) for api in SHARED_APIS]
    return call(f"min by ({', '.join(REPLICA_API)}) ", either(*own, *shared))


def risen(counter: str, window: str) -> str:
    """By how much a counter has risen, for counters that appear with their first event: `increase`
    alone would miss it, since it sees no 0 before it."""
    return either(f"{counter}\nunless\n{counter} offset {window}", f"increase({counter}[{window}])")


def grown(counter: str, window: str) -> str:
    """The same for a short window, of which two samples need not lie within: what a counter has now and
    had before, each up to 5 minutes old as everywhere in Prometheus."""
    return either(f"{counter} - {counter} offset {window}", counter)


def firing(name: str, *matchers: str) -> str:
    return selector("ALERTS", f'alertname="LivePerson{name}"', 'alertstate="firing"', *matchers)


def as_is(series: str) -> str:
    return series


def last_known(series: str) -> str:
    """What a series had last, also where it has ended."""
    return f"last_over_time({series}[6h])"


def held_without_data(name: str, by: tuple[str, ...], bad: Callable[[Callable[[str], str]], str], data: str) -> str:
    """What is `bad` now, and once the alert fires, what was bad to the last for as long as there is no
    `data`: a promise is not kept because its numbers are missing, nor broken by it.

    `bad` makes the expression with a function through which every series is read.
    """
    held = grouped(bad(last_known))
    return either(bad(as_is), f"{held}\nand {on(by)} {firing(name)}\nunless on (account) {data}")
