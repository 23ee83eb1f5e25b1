"""The numbers of a contact centre in a frame of time, from whichever series there are.

A frame is the present, the last hour or today. LivePerson's own window answers it best: the number
is LivePerson's, and right from the first minute. Where that window is not configured the running
totals answer, but only while the exporter serves data, and only when they reach back to the frame's
beginning: a number that is too small is worse than none.
"""

from dataclasses import dataclass

from . import promql

ENGAGEMENT, SLA = "engagement_activity", "sla"


@dataclass(frozen=True)
class Frame:
    """`window` is the label of the window, if there is one; `reach` how far back the running totals
    are read, if they are."""

    words: str
    window: str
    reach: str = ""
    # Whether running totals that do not reach back to its beginning are good enough, as for a share
    # of a long time.
    partial: bool = False

    def shifted(self, ago: str) -> tuple[str, str]:
        """The offsets for the frame and for its beginning, some time ago."""
        return (f" offset {ago}" if ago else "", f" offset {ago}{self.reach}")


NOW = Frame("now", "$now")
HOUR = Frame("last hour", "1h", "1h")
# Panels with it begin at midnight, which makes that the range.
TODAY = Frame("today", "today", "${__range}")
WEEK = "1w"

INTERACTIVE = 'kind="interactive"'


def number(
    level: str,
    name: str,
    frame: Frame,
    collector: str,
    *matchers: str,
    by: tuple[str, ...] = (),
    ago: str = "",
) -> str:
    """`name` of each id of a level in a frame, once for all replicas."""
    ids = promql.IDS[level] + by
    offset, beginning = frame.shifted(ago)
    chosen = (promql.ACCOUNTS, *matchers)
    window_name = f"liveperson_window_{level}_{name}"
    total_name = f"liveperson_{level}_{name}"
    if not name.endswith("_bucket"):
        total_name += "_total"
    window = promql.selector(window_name, *chosen, f'window="{frame.window}"')
    in_window = promql.once(ids, window + offset)
    if not frame.reach:
        return in_window
    total = promql.selector(total_name, *chosen)
    gained = promql.once(ids, f"increase({total}[{frame.reach}]{offset})")
    served = promql.selector("liveperson_series", promql.ACCOUNTS, f'collector="{collector}"') + offset
    gained = f"{gained}\nand on (account) {served} > 0"
    if not frame.partial:
        # In the hour before it, so that a gap of a few scrapes at that moment does no harm.
        gained += f"\nand on (account) present_over_time({total}[1h]{beginning})"
    return promql.either(in_window, gained) if frame.window else gained


def last_chats(level: str, *matchers: str) -> str:
    """Chats of each id in the last window that was served, also when that was hours ago."""
    chats_of_window = promql.selector(
        f"liveperson_window_{level}_chats", promql.ACCOUNTS, *matchers, 'window="$window"'
    )
    ids = promql.IDS[level]
    return promql.summed(ids, promql.once((*ids, "kind"), f"last_over_time({chats_of_window}[6h])"))


def over_accounts(expression: str, by: tuple[str, ...] = ()) -> str:
    return promql.summed(by, expression)


def waited(within: str, frame: Frame, ago: str = "") -> str:
    """Chats whose first reply came within a limit in seconds, over the chosen accounts."""
    limit = 'le="+Inf"' if within == "+Inf" else f'le="{within}.0"'
    return over_accounts(number("account", "wait_seconds_bucket", frame, SLA, limit, ago=ago))


def measured(within: str, frame: Frame, ago: str = "") -> str:
    """Chats that had a first reply, over those of the chosen accounts that have the limit: of others
    it is not known how many were in time."""
    everyone, in_time = (
        number("account", "wait_seconds_bucket", frame, SLA, f'le="{le}"', ago=ago) for le in ("+Inf", f"{within}.0")
    )
    return over_accounts(f"({everyone})\nand on (account) ({in_time})")


def share_within(within: str, frame: Frame, ago: str = "") -> str:
    """The share of chats within a limit, 0 to 1; none while there are no chats."""
    return promql.ratio(waited(within, frame, ago), measured(within, frame, ago))


def wait_buckets(frame: Frame, *matchers: str) -> str:
    buckets = number("account", "wait_seconds_bucket", frame, SLA, *matchers, by=("le",))
    return over_accounts(buckets, ("le",))


def shares_by_limit(frame: Frame, *matchers: str) -> str:
    """For each limit the share of chats within it, over those of the chosen accounts that have the limit."""
    buckets = number("account", "wait_seconds_bucket", frame, SLA, *matchers, by=("le",))
    everyone = number("account", "wait_seconds_bucket", frame, SLA, 'le="+Inf"')
    by_limit = over_accounts(f"0 * ({buckets})\n+ on (account) group_left ()\n({everyone})", ("le",))
    return promql.ratio(wait_buckets(frame, *matchers), by_limit)


def wait_percentile(share: str, frame: Frame) -> str:
    """The wait that a share of the chats did not exceed; at most the longest limit."""
    return f"histogram_quantile({share}, {wait_buckets(frame)})"


def chats(frame: Frame, kind: str = "", ago: str = "") -> str:
    return over_accounts(number("account", "chats", frame, ENGAGEMENT, kind, by=("kind",), ago=ago))


def handling(frame: Frame) -> str:
    """Mean handling time of an interactive chat in seconds."""
    seconds = over_accounts(number("account", "handling_seconds", frame, ENGAGEMENT, INTERACTIVE))
    return promql.ratio(seconds, chats(frame, INTERACTIVE))


def agents_at_work(frame: Frame) -> str:
    """How many agents closed or took a chat."""
    closed = number("agent", "chats", frame, ENGAGEMENT, by=("kind",))
    taken = number("agent", "connected_engagements", frame, ENGAGEMENT)
    active = f"{promql.summed(promql.IDS['agent'], closed)} > 0\nor\n({taken}) > 0"
    return promql.call("count", active)
