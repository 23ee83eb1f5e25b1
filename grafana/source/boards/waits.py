"""Queue waits and the service level agreement: how long visitors wait, and what that costs."""

from grafana_foundation_sdk.builders import dashboard

from .. import figures, promql, texts
from ..figures import HOUR, SLA, Frame
from ..panels import BAD, GOOD, WARN, Column, board, chart, choice, grid, line, now, number_panels, over_time
from ..panels import tile, waits_heatmap
from . import variables

LIMIT, LONGEST = "${within}", "${longest}"
OVER_RANGE = Frame("over the time range", "", "${__range}", partial=True)
BUDGET = Frame("over the budget's period", "", "$budget", partial=True)
BURN = (Frame("hour", "1h", "1h"), Frame("6 hours", "6h", "6h"), Frame("3 days", "", "3d", partial=True))
ALLOWED = "(1 - $target / 100)"


def build() -> dashboard.Dashboard:
    built = board(
        "waits",
        "Queue wait and SLA",
        "How long visitors wait for the first reply, the share within each limit, and what is left of the error budget.",
        since="now-24h",
    )
    for variable in (
        variables.accounts(),
        variables.within(),
        variables.target(),
        variables.least(),
        variables.window(),
        variables.longest(),
        choice("budget", "Budget period", "The time that the error budget is for.", ["7d", "28d", "30d", "90d"], "28d"),
    ):
        built.with_variable(variable)
    for panel in (level(), spent(), burning(), longest_share(), heat(), percentiles(), by_limit(), limits_over_time()):
        built.with_panel(panel)
    return number_panels(built.with_panel(burn_rates()).with_panel(budget_left()).with_panel(groups()))


def level():
    share = figures.share_within(LIMIT, OVER_RANGE)
    return tile(
        "Service level",
        "Share of the chats in the time range whose first reply came within $within s; the target is $target %.",
        (6, 5),
        now(f"({share}) >= $target / 100", "✔ on target"),
        now(f"({share}) < $target / 100", "▼ below target"),
        unit="percentunit",
        decimals=1,
        colours=(GOOD, BAD),
        empty=texts.NEEDS_TOTALS,
    )


def late_share(frame: Frame) -> str:
    return f"(1 - ({figures.share_within(LIMIT, frame)}))"


def spent():
    left = f"1 - {late_share(BUDGET)} / {ALLOWED}"
    return tile(
        "Error budget left",
        "Of the late chats that the target allows in $budget, or in as much of it as is known, the share that is left.",
        (6, 5),
        now(f"({left}) >= 0.25", "✔ left of $budget"),
        now(f"({left}) >= 0 < 0.25", "▲ nearly spent"),
        now(f"({left}) < 0", "✖ overspent"),
        unit="percentunit",
        colours=(GOOD, WARN, BAD),
        empty=texts.NEEDS_TOTALS,
    )


def burning():
    rate = f"{late_share(HOUR)} / {ALLOWED}"
    return tile(
        "Burn rate",
        "How fast the error budget is spent: at 1 it lasts exactly as long as its period.",
        (6, 5),
        now(f"({rate}) <= 1", "✔ in the last hour"),
        now(f"({rate}) > 1", "▲ in the last hour"),
        unit="suffix:×",
        decimals=1,
        colours=(GOOD, WARN),
        empty="no chats",
    )


def longest_share():
    return tile(
        "Over $longest s",
        "Share of the chats that waited longer than the longest limit of sla.buckets. How much longer is not known.",
        (6, 5),
        now(f"1 - ({figures.share_within(LONGEST, HOUR)})", "in the last hour"),
        unit="percentunit",
        decimals=1,
        empty="no chats",
    )


def heat():
    buckets = promql.selector("liveperson_account_wait_seconds_bucket", promql.ACCOUNTS)
    per_minute = promql.once(("account", "le"), f"rate({buckets}[$__rate_interval]) * 60")
    return waits_heatmap(
        "Waits",
        "Chats a minute by how long the visitor waited for the first reply.",
        (12, 10),
        promql.summed(("le",), per_minute),
        texts.NEEDS_TOTALS,
    )


def percentiles():
    within = f"({figures.share_within(LONGEST, HOUR)})"
    lines = []
    for share, name in (("0.5", "half"), ("0.9", "9 of 10"), ("0.95", "19 of 20")):
        wait = figures.wait_percentile(share, HOUR)
        lines.append(over_time(f"({wait}) >= 0\nand {within} >= {share}", f"{name} waited up to"))
    # The quantile beyond all limits is the longest of them.
    beyond = f"({figures.wait_percentile('0.9', HOUR)})\nand {within} < 0.9"
    panel = chart(
        "Percentiles of the wait",
        "Of the hour before each point, between the limits of sla.buckets. Where a percentile is beyond the longest "
        "limit its line ends; the red one says that of 9 of 10 no more is known than > $longest s.",
        (12, 10),
        *lines,
        over_time(beyond, "9 of 10: > $longest s, not known"),
        unit="suffix:s",
        empty="no chats, or no waits: needs a window 1h in sla.windows, or totals",
        step="1m",
    )
    return line(panel, "D", "red", dashed=True)


def by_limit():
    frame = Frame("in the window", "$window")
    within = figures.wait_buckets(frame, FINITE)
    return grid(
        "Within each limit, window $window",
        "Chats in the window whose first reply came within each limit of sla.buckets, and their share of those of "
        "accounts that have the limit.",
        (12, 9),
        [
            Column("Within", label="limit", numeric=True, unit="suffix:s", width=100),
            Column("Limit", label="le", left_out=True),
            Column(
                "Share",
                expr=promql.limit_as_label(figures.shares_by_limit(frame, FINITE)),
                unit="percentunit",
                decimals=1,
                bar=True,
            ),
            Column("Chats", expr=promql.limit_as_label(within), unit="locale", width=100),
        ],
        sort="Within",
        descending=False,
        empty=texts.NEEDS_SLA,
    )


FINITE = 'le!="+Inf"'


def limits_over_time():
    shares = figures.shares_by_limit(HOUR, FINITE)
    return chart(
        "Within each limit",
        "Share of chats whose first reply came within each limit, in the hour before each point.",
        (12, 9),
        over_time(promql.limit_as_label(shares), "within {{limit}} s"),
        unit="percentunit",
        most=1,
        empty="no chats, or no waits: needs a window 1h in sla.windows, or totals",
        step="1m",
    )


def burn_rates():
    queries = [over_time(f"{late_share(frame)} / {ALLOWED}", f"over the {frame.words} before") for frame in BURN]
    panel = chart(
        "Burn rate of the error budget",
        "How fast the late chats that the target allows are spent; above the line they do not last. The longer ones "
        "need running totals.",
        (12, 9),
        *queries,
        over_time("vector(1)", "as fast as it lasts"),
        unit="suffix:×",
        empty="no chats, or no waits",
        step="5m",
    )
    return line(panel, "D", "orange", dashed=True)


def budget_left():
    left = f"1 - {late_share(BUDGET)} / {ALLOWED}"
    panel = chart(
        "Error budget left",
        "Of the late chats that the target allows in $budget, or in as much of it as is known, the share that is left.",
        (12, 9),
        over_time(left, "left of $budget"),
        over_time("vector(0)", "spent"),
        unit="percentunit",
        least=None,
        empty=texts.NEEDS_TOTALS,
        step="10m",
    )
    return line(panel, "B", "orange", dashed=True)


def groups():
    frame = Frame("in the window", "$window")
    on = promql.on_ids("group")
    waits = lambda limit: figures.number("group", "wait_seconds_bucket", frame, SLA, limit)
    whole, in_time = waits('le="+Inf"'), waits(f'le="{LIMIT}.0"')
    share = f"{in_time}\n/ {on}\n({whole} >= $least)"
    return grid(
        "Groups in the window $window",
        "Agent groups of sla.groups. Groups with fewer than $least chats have no share.",
        (24, 8),
        [
            Column("Group", label="name"),
            Column("Waited", expr=promql.with_names("group", whole, promql.ACCOUNTS), bar=True),
            Column("Late", expr=f"{whole}\n- {on}\n{in_time}", width=90),
            Column("In time", expr=share, unit="percentunit", width=90),
            Column(
                "To target",
                expr=f"100 * ({share})\n- $target",
                unit="suffix:points",
                steps=[(None, "transparent"), (-100, BAD), (-10, WARN), (0, GOOD)],
                width=110,
            ),
            Column("Account", label="account", width=95),
            Column("Id", label="group", width=70),
        ],
        sort="Late",
        empty="no waits by group: needs sla.groups and this window in sla.windows",
    )
