"""What alerts, dashboards and long retention want ready made: one value for each id over all replicas."""

from ..promql import call, either, grouped, once, one_name, selector
from .expressions import labelled
from .rule import Group, Rule, group, record

COMMENT = """
Quotients of LivePerson's windows and of the running totals, ready for dashboards, alerts and long
retention, and one name for each id.

Windows slide and are gauges: rate() has no place here, and two windows must never be summed.
max() folds the same number from several replicas into one; with one replica it changes nothing.
`> 0` leaves a series out while there are no waits, instead of recording NaN.
"""

CHATS = "account:liveperson_window_chats:max"
CHATS_SUM = "account:liveperson_window_chats:sum"
ENGAGEMENTS = "account:liveperson_window_connected_engagements"
WAITED = "account:liveperson_window_waited_chats:max"
LATE = "account:liveperson_window_late_chats:max"
BEYOND = "account:liveperson_window_beyond_buckets_chats:max"
NUMBERS = "account_collector:liveperson_window_numbers:sum"

WAIT_LEVELS = {"account": ("account",), "skill": ("account", "skill"), "group": ("account", "group")}
HANDLING_LEVELS = {"account": ("account",), "skill": ("account", "skill"), "agent": ("account", "agent")}


def build() -> tuple[str, list[Group]]:
    windows = [*_counts(), *_handling(), *_answered_within(), *_percentiles(), _numbers()]
    return COMMENT, [group("windows", windows), group("names", _names())]


def answered_within(level: str) -> str:
    return f"{level}:liveperson_window_answered_within:ratio"


def p90(level: str) -> str:
    return f"{level}:liveperson_window_wait_seconds:p90"


def within(buckets: str) -> str:
    """Buckets with their limit as `within="30s"`, and without the one that has none."""
    limit = '"within", "${1}s", "le", "([0-9]+)[.]0"'
    return f"label_replace(\n  {buckets},\n  {limit}\n)"


def _window(level: str, what: str, *matchers: str) -> str:
    name = f"liveperson_window_{level}_{what}"
    return selector(name, *matchers) if matchers else name


def _counts() -> list[Rule]:
    by = ("account", "window")
    buckets = _window("account", "wait_seconds_bucket", 'le!="+Inf"')
    waited = once(by, _window("account", "waited_chats"))
    chats = once((*by, "kind"), _window("account", "chats"))
    return [
        record(CHATS, chats, "Chats of an account, once however many replicas serve them."),
        record(CHATS_SUM, f"sum by (account, window) ({CHATS})"),
        record(f"{ENGAGEMENTS}:max", once(by, _window("account", "connected_engagements"))),
        record(WAITED, waited),
        record(
            LATE,
            f"{WAITED}\n- on (account, window) group_right ()\n{once((*by, 'within'), within(buckets))}",
            "Chats that waited longer than each limit of sla.buckets, as within=\"30s\".",
        ),
        record(
            BEYOND,
            f"{WAITED}\n- on (account, window)\n{once(by, buckets)}",
            "Chats that waited longer than the last limit: buckets are cumulative, so that the largest\n"
            "with a limit is the last one.",
        ),
    ]


def _handling() -> list[Rule]:
    rules = []
    for level, ids in HANDLING_LEVELS.items():
        by = (*ids, "window", "kind")
        seconds, chats = (once(by, _window(level, what)) for what in ("handling_seconds", "chats"))
        comment = "Mean handling time of a chat in seconds, by kind." if level == "account" else ""
        name = f"{level}:liveperson_window_handling_seconds:mean"
        rules.append(record(name, f"{seconds}\n/\n({chats} > 0)", comment))
    return rules


def _answered_within() -> list[Rule]:
    rules = []
    for level, ids in WAIT_LEVELS.items():
        by = (*ids, "window")
        buckets = once((*by, "within"), within(_window(level, "wait_seconds_bucket", 'le!="+Inf"')))
        waited = once(by, _window(level, "waited_chats"))
        comment = "Share of chats answered within each limit of sla.buckets, as within=\"30s\"."
        quotient = f"{buckets}\n/ on ({', '.join(by)}) group_left ()\n({waited} > 0)"
        rules.append(record(answered_within(level), quotient, comment if level == "account" else ""))
    return rules


def _percentiles() -> list[Rule]:
    rules = []
    for level, ids in WAIT_LEVELS.items():
        by = (*ids, "window")
        buckets = _window(level, "wait_seconds_bucket")
        measured = f"{call('histogram_quantile', '0.9', once((*by, 'le'), buckets))} >= 0"
        last = once(by, _window(level, "wait_seconds_bucket", 'le!="+Inf"'))
        rank = f"0.9 * {once(by, _window(level, 'waited_chats'))}"
        beyond = grouped(f"{last}\n<\n{rank}")
        comment = (
            "Wait in seconds that nine visitors of ten did not exceed. +Inf when it is beyond the last limit,\n"
            "where histogram_quantile() would say that limit."
        )
        expression = either(grouped(f"{measured}\nunless\n{beyond}"), f"0 * {beyond} + Inf")
        rules.append(record(p90(level), expression, comment if level == "account" else ""))
    return rules


def _numbers() -> Rule:
    """A checksum of what an account's answers hold: it moves whenever one of the numbers does."""

    def total(what: str, *labels: str) -> str:
        by = ("account", "window", *labels)
        return f"sum by (account, window) ({once(by, _window('account', what))})"

    activity = "\n+\n".join(
        [total("handling_seconds", "kind"), total("chats", "kind"), total("connected_engagements")]
    )
    return record(
        NUMBERS,
        either(
            labelled(activity, "collector", "engagement_activity"),
            labelled(total("wait_seconds_bucket", "le"), "collector", "sla"),
        ),
        "A checksum that moves whenever a number of the account does; the value means nothing.",
    )


def _names() -> list[Rule]:
    comment = (
        "One name for each id, while replicas disagree after a rename, too: two would be an error in\n"
        "  ... * on (account, skill) group_left (name) skill:liveperson_skill_info:one"
    )
    levels = ("skill", "agent", "group", "account")
    return [
        record(f"{level}:liveperson_{level}_info:one", one_name(level), "" if number else comment)
        for number, level in enumerate(levels)
    ]
