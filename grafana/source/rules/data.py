"""What is missing, and whom it concerns: a page only when no replica has data, warnings by replica."""

from ..promql import either, grouped, once, selector, summed
from . import causes
from .expressions import DOWN, EXPORTER_UP, SERIES, UP, on, risen
from .recording import CHATS_SUM, NUMBERS
from .rule import Rule, alert

REPLICA = ("job", "instance", "account")
COLLECTOR = ("account", "collector")


def missing() -> list[Rule]:
    return [_no_data(), _collector_down()]


def suspicious() -> list[Rule]:
    """Over long ranges, which cost more; a minute earlier or later is of no matter."""
    return [_frozen(), _vanished(), _names(), _entries()]


def _no_data() -> Rule:
    stale = f"{SERIES} == 0\nand\n{UP} == 0"
    # Also an exporter that Prometheus knows no more, as a pod that is gone from service discovery: it is
    # then neither up nor down.
    gone = f"max_over_time(liveperson_series[1d:5m]) > 0\nunless {on(('job', 'instance'))}\n"
    gone = once(COLLECTOR, f"{gone}max_over_time({EXPORTER_UP}[5m]) == 1")
    known_causes = "|".join(causes.NAMES)
    query = (
        f'max by (alertname) (ALERTS{{alertname=~\\"LivePerson({known_causes})\\", alertstate=\\"firing\\",'
        ' account=\\"%s\\"})'
    )
    return alert(
        "NoData",
        either(grouped(stale), grouped(f"{gone}\nunless\n{SERIES}")),
        wait="1m",
        severity="critical",
        comment="No replica serves any: what was known is older than stale_after, or the exporter that served it\n"
        "is down, or gone, and no other has taken its place, as happens to the accounts of a shard.",
        summary="There is no data from {{ $labels.collector }} of account {{ $labels.account }}.",
        description="No exporter has any that is younger than stale_after: dashboards of the contact centre are empty."
        f' {{{{ with printf "{query}" $labels.account | query }}}}Firing as its cause:'
        "{{ range . }} {{ .Labels.alertname }}{{ end }}.{{ else }}No alert about its cause fires: see the exporter's"
        " page `/`, which shows the last error, and its log.{{ end }}",
    )


def _collector_down() -> Rule:
    return alert(
        "CollectorDown",
        DOWN,
        wait="4m",
        summary="The collector {{ $labels.collector }} of account {{ $labels.account }} is down.",
        description="On {{ $labels.instance }} no poll has succeeded whole for longer than two intervals, so that some"
        " or all of its data is missing; another replica may have it. Which other alert about this account fires says"
        " why; the exporter's page `/` shows the last error.",
    )


def _frozen() -> Rule:
    """A sliding window cannot stand still above 0: what left it would be gone. Windows that are longer
    than the pauses of a contact centre can, by night; those are compared with last week."""

    def unmoved(windows: str, time: str) -> str:
        numbers = selector(NUMBERS, windows)
        return f"{numbers} > 0\nand\nchanges({numbers}[{time}]) == 0\nand\n{numbers} offset {time}"

    others = 'window!~"5m|today"'
    last_week = f"changes({selector(NUMBERS, others)}[90m] offset 1w) >= 5"
    short = unmoved('window="5m"', "30m")
    long = f"{unmoved(others, '90m')}\nand\n{last_week}"
    return alert(
        "DataFrozen",
        f"max by (account, collector) {grouped(either(short, long))}\nand on (account, collector)\n{UP} == 1",
        wait="5m",
        comment="LivePerson answers, and always the same. What slides cannot stand still above 0, since chats leave\n"
        "it: a window of 5m never for half an hour, others not where they moved in the same hours last week.",
        summary="The numbers of account {{ $labels.account }}, {{ $labels.collector }}, do not move.",
        description="LivePerson answers every request, but with the same numbers for half an hour or longer, which a"
        " sliding window above 0 cannot have. Compare with LivePerson's own pages; ask LivePerson if they stand still,"
        " too, otherwise look for a cache between the exporter and LivePerson.",
    )


def _vanished() -> Rule:
    now = selector(CHATS_SUM, 'window="1h"')
    # Last week at this time, an hour earlier and an hour later: daylight saving moves opening hours.
    usual = f"min_over_time({now}[2h] offset 167h)"
    collector = 'collector="engagement_activity"'
    return alert(
        "ChatsVanished",
        once(("account",), f"{now} < 0.1 * {usual}\nand\n{usual} >= 30")
        + f"\nand on (account)\n{selector(UP, collector)} == 1",
        wait="15m",
        board="wallboard",
        comment="Compared with the same time last week and the hours around it, in which opening hours may begin or\n"
        "end, and which daylight saving may have moved. Needs 8 days of history and the window 1h.",
        summary="Account {{ $labels.account }} has hardly any chats.",
        description="{{ $value | humanize }} in the last hour, less than a tenth of the same time last week. Unless today"
        " is a holiday, check that the site offers chats: the button, the skills' opening hours, agents who are signed"
        " in.",
    )


def _names() -> Rule:
    def called(codes: str) -> str:
        requests = selector("liveperson_api_requests_total", 'api="names"', codes)
        return summed(REPLICA, risen(requests, "3h"))

    failed, succeeded = called('code!~"2..|304"'), called('code=~"2..|304"')
    return alert(
        "NamesFailing",
        f"{failed} > 0\nunless\n{succeeded} > 0",
        wait="10m",
        summary="Names of account {{ $labels.account }} cannot be looked up.",
        description="{{ $labels.instance }} gets none; skills, agents and groups show ids or old"
        " names, and data is not affected. Give the key or user the Skills, Agent Groups and Users APIs (Read), or set"
        " names.lookup to false.",
    )


def _entries() -> Rule:
    ignored = risen("liveperson_api_entries_ignored_total", "1h")
    return alert(
        "EntriesIgnored",
        f"{once(('account', 'api'), ignored)} > 0",
        wait="5m",
        summary="Entries of answers for account {{ $labels.account }} cannot be read.",
        description="{{ $value | humanize }} entries of {{ $labels.api }} were left out within an hour; the others are"
        " served. The exporter's log shows the first one. Please report it as an issue.",
    )
