"""What other rules build on: the state of collectors by replica and over all replicas."""

from ..promql import either, once, selector
from .expressions import (
    API_OVERDUE,
    API_UP,
    DOWN,
    FAILURES,
    OVERDUE,
    SERIES,
    UP,
    by_api,
    risen,
)
from .rule import Rule, record

AGE = "time() - liveperson_last_success_timestamp_seconds"
INTERVAL = "liveperson_poll_interval_seconds"
# No outcome of a call that succeeded: names are answered with 304 when they have not changed.
FAILED = 'code!~"2..|304"'


def rules() -> list[Rule]:
    return [
        record(
            UP,
            once(("account", "collector"), "liveperson_up"),
            "Over all replicas: one that has data is enough.",
        ),
        record(SERIES, once(("account", "collector"), "liveperson_series")),
        record(
            DOWN,
            f"liveperson_up == 0\nunless\n{AGE} <= 2 * {INTERVAL}",
            "More than one poll has failed, or none has ever succeeded: one of a long interval is no outage.",
        ),
        record(
            API_UP,
            by_api("liveperson_up"),
            "Whether the collectors that need an API are up, so that failures which a retry corrected,\n"
            "or of another collector, are not taken for a cause. Names need none.",
        ),
        record(
            OVERDUE,
            either(DOWN, f"liveperson_up\nand\n{AGE} > 3 * {INTERVAL}"),
            "Also a poll that does not end, as with calls that time out or are throttled: liveperson_up falls\n"
            "only when the data is too old.",
        ),
        record(API_OVERDUE, by_api(OVERDUE)),
        record(
            FAILURES,
            risen(selector("liveperson_api_requests_total", FAILED), "20m"),
            "Failed calls by outcome. A code appears with its first failure, which increase() alone does not\n"
            "see. Twenty minutes, because the exporter waits up to eight between polls that fail whole.",
        ),
    ]
