"""The wallboard: one screen of 1920 by 1080, to be read from three metres.

26 rows of Grafana's grid are 988 pixels. Every verdict is a word and a sign besides its colour.
"""

from grafana_foundation_sdk.builders import dashboard

from .. import figures, promql, texts
from ..figures import HOUR, NOW, SLA, TODAY, WEEK, Frame
from ..panels import BAD, GOOD, NEUTRAL, WARN, Column, board, chart, grid, line, now, over_time, number_panels, tile
from . import variables

LIMIT = "${within}"
LONGEST = "${longest}"
EMPTY = "– no data: stale (see above), "


def build() -> dashboard.Dashboard:
    built = board(
        "wallboard",
        "Wallboard",
        "What the contact centre does now, for a screen on the wall: add ?kiosk to the address.",
        since="now-12h",
    )
    for variable in (
        variables.accounts(),
        variables.within(),
        variables.target(),
        variables.least(),
        variables.now(),
        variables.longest(),
    ):
        built.with_variable(variable)
    built.with_panel(data_age())
    for frame in (NOW, HOUR, TODAY):
        built.with_panel(service_level(frame))
    for frame in (NOW, HOUR, TODAY):
        built.with_panel(compared(frame))
    for panel in (chats(), waits(), agents()):
        built.with_panel(panel)
    return number_panels(built.with_panel(late_by_skill()).with_panel(course()))


def data_age():
    """A tile for each account; it still counts when the exporter answers no more."""
    ids = ("account", "collector")
    present = promql.selector("liveperson_last_success_timestamp_seconds", promql.ACCOUNTS)
    newest = promql.either(
        promql.once(ids, present),
        promql.once(ids, f"last_over_time({present}[6h])") + f"\nunless on (account) {present}",
    )
    age = promql.once(("account",), f"time() - ({newest})")
    served = promql.once(ids, promql.selector("liveperson_series", promql.ACCOUNTS))
    # What is served tells, not the last whole poll: one refused request fails a poll, and its other
    # answers are as new as ever.
    some, whole = (f"on (account) {least_or_most} by (account) ({served}) > 0" for least_or_most in ("max", "min"))
    live = f"({age} < {texts.STALE_AFTER_SECONDS}\nand {whole})"
    partly = f"({age}\nand {some}\nunless on (account) {live})"
    stale = f"({age}\nunless {some})"
    never = f"max by (account) (liveperson_up{{{promql.ACCOUNTS}}}) unless on (account) {present}"
    return tile(
        "Data",
        "How old the newest data of each account is; of the 4 accounts with the oldest. The exporter serves nothing "
        "that is older than stale_after (5m unless configured): then the tiles below are empty. Partly: some requests "
        "fail or one collector has no data, and the time is that since all succeeded; the exporter's board says which.",
        (24, 3),
        now(promql.with_names("account", f"topk(4, {live})"), "✔ {{name}}: live, age of the data"),
        now(promql.with_names("account", f"topk(4, {partly})"), "▲ {{name}}: partly failing, whole before"),
        now(promql.with_names("account", f"topk(4, {stale})"), "✖ {{name}}: STALE, no data for"),
        now(promql.with_names("account", never), "✖ {{name}}: no data yet, see the exporter's board"),
        unit="dthms",
        colours=(GOOD, WARN, BAD, BAD),
        sideways=True,
        empty="✖ no exporter answers",
        leads_to="exporter",
    )


def service_level(frame: Frame):
    share = figures.share_within(LIMIT, frame)
    enough = f"{figures.measured(LIMIT, frame)} >= $least"
    few = f"{figures.measured(LIMIT, frame)} < $least"
    return tile(
        f"Answered in $within s, {frame.words}, target $target %",
        f"Share of chats whose first reply came within $within s, {frame.words}; the target is $target %. "
        "Fewer than $least chats are not judged. Of the accounts that have this limit among sla.buckets."
        + (
            " The window $now is 5 minutes longer at times, as LivePerson counts in slots of 5 minutes."
            if frame is NOW
            else ""
        ),
        (8, 6),
        now(f"(\n{promql.indented(share)}\n)\n>= $target / 100\nand ({enough})", f"{frame.words}  ✔ on target"),
        now(f"(\n{promql.indented(share)}\n)\n< $target / 100\nand ({enough})", f"{frame.words}  ▼ below target"),
        now(f"(\n{promql.indented(share)}\n)\nand ({few})", f"{frame.words}  ○ few chats"),
        unit="percentunit",
        decimals=1,
        colours=(GOOD, BAD, NEUTRAL),
        empty=_needs(frame),
        since_midnight=frame is TODAY,
        leads_to="waits",
    )


def _needs(frame: Frame) -> str:
    # Grafana puts no values of variables into this text.
    if frame is NOW:
        return EMPTY + "no chats, or no such window for waits"
    return f"{EMPTY}no chats, or neither a window {frame.window} nor totals for waits"


def difference(expression: str, to: str):
    """A difference without its sign: an arrow says which way it goes."""
    compared_to = promql.call("", expression)
    return now(f"{compared_to} >= 0", f"▲ vs {to}"), now(f"-{compared_to} > 0", f"▼ vs {to}")


def compared(frame: Frame):
    share, before = figures.share_within(LIMIT, frame), figures.share_within(LIMIT, frame, WEEK)
    return tile(
        f"Difference, {frame.words}",
        "Percentage points above or below the target, and above or below the same time a week ago.",
        (8, 3),
        *difference(f"100 * ({share})\n- $target", "target"),
        *difference(f"100 * ({share})\n- 100 * ({before})", "last week"),
        unit="suffix:pts",
        decimals=1,
        sideways=True,
        empty="– nothing to compare",
        text_sizes=(16, 28),
        since_midnight=frame is TODAY,
    )


def chats():
    return tile(
        "Chats",
        "Chats closed in the window $now and since midnight, interactive or not, and the difference to the same time "
        "a week ago. LivePerson counts in slots of 5 minutes, so that the window is up to 5 minutes longer than its name.",
        (8, 5),
        now(figures.chats(NOW), "last $now"),
        now(figures.chats(TODAY), "today"),
        *difference(f"({figures.chats(TODAY)})\n- ({figures.chats(TODAY, ago=WEEK)})", "last week"),
        unit="locale",
        sideways=True,
        empty=EMPTY + "no window for chats, or no totals",
        leads_to="skills",
        since_midnight=True,
    )


def waits():
    # Compared as shares: a limit that is not known, as in an outage, is not a number of an expression.
    in_time, known = f"({figures.share_within(LIMIT, HOUR)})", f"({figures.share_within(LONGEST, HOUR)})"
    wait = f"({figures.wait_percentile('0.9', HOUR)})"
    return tile(
        "Waits, last hour",
        "The wait that nine of ten visitors did not exceed in the last hour, between the limits of sla.buckets; beyond "
        "the longest limit only that is known: > $longest s. And the share of chats that waited longer than that limit.",
        (8, 5),
        now(f"{wait}\nand {in_time} >= 0.9", "✔ 9 of 10 within"),
        now(f"{wait}\nand {known} >= 0.9\nand {in_time} < 0.9", "▲ 9 of 10 within"),
        # As a time format: X is the number in seconds, which is how a unit gets words on both sides.
        # The quantile beyond all limits is the longest of them.
        now(f"1000 * {wait}\nand {known} < 0.9", "✖ 9 of 10 within"),
        now(f"1 - {known}", "over $longest s"),
        unit="suffix:s",
        units={"C": ("time:[> ]X[ s]", 0), "D": ("percentunit", 1)},
        colours=(GOOD, WARN, BAD, NEUTRAL),
        sideways=True,
        empty=EMPTY + "no chats",
        leads_to="waits",
    )


def agents():
    return tile(
        "Agents, last hour",
        "Agents who closed or took a chat in the last hour, and the mean time spent on an interactive chat that was "
        "closed in it. Needs engagement_activity.agents.",
        (8, 5),
        now(figures.agents_at_work(HOUR), "at work"),
        now(f"({figures.handling(HOUR)}) / 60", "per chat"),
        unit="locale",
        units={"B": ("suffix:min", 1)},
        sideways=True,
        empty=EMPTY + "no chats, or no agents",
        leads_to="agents",
    )


def late_by_skill():
    limit = f'le="{LIMIT}.0"'
    ids = promql.IDS["skill"]
    everyone = figures.number("skill", "wait_seconds_bucket", TODAY, SLA, 'le="+Inf"')
    in_time = figures.number("skill", "wait_seconds_bucket", TODAY, SLA, limit)
    late = f"({everyone})\n- on ({', '.join(ids)})\n({in_time})"
    worst = promql.call("topk", "7", late) + " > 0"
    share = f"({in_time})\n/ on ({', '.join(ids)})\n(({everyone}) >= $least)"
    to_skill = texts.dashboard_path("skills") + (
        "?${datasource:queryparam}&var-account=${__data.fields.Account}&var-skill=${__data.fields.Id}&${within:queryparam}"
    )
    return grid(
        "Late chats today, worst skills first",
        "Chats that waited longer than $within s since midnight, of the 7 skills with the most. The share is shown "
        "from $least chats on. Needs sla.skills, and today in sla.windows or running totals.",
        (12, 9),
        [
            Column("Skill", label="name", link=to_skill, link_title="This skill"),
            Column("Late", expr=promql.with_names("skill", worst), bar=True),
            Column(
                "In time",
                expr=f"({share})\nand on ({', '.join(ids)}) ({worst})",
                unit="percentunit",
                width=90,
            ),
            Column("Account", label="account", width=100),
            Column("Id", label="skill", width=60),
        ],
        sort="Late",
        empty="none late, or no waits by skill: needs sla.skills and today in sla.windows, or totals",
        since_midnight=True,
    )


def course():
    panel = chart(
        "Service level, the hour before each point",
        "Share of chats whose first reply came within $within s in the hour before each point, the same a week "
        "before, and the target.",
        (12, 9),
        over_time(figures.share_within(LIMIT, HOUR), "now"),
        over_time(figures.share_within(LIMIT, HOUR, WEEK), "a week before"),
        over_time("vector($target / 100)", "target"),
        unit="percentunit",
        most=1,
        empty=_needs(HOUR),
        step="1m",
    )
    line(panel, "A", "blue")
    line(panel, "B", "purple", dashed=True)
    return line(panel, "C", "orange", dashed=True)
