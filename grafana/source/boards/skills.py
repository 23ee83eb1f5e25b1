"""Skills: who waits where. Usable with a thousand skills: ranked, limited, searched and sorted."""

from grafana_foundation_sdk.builders import dashboard

from .. import figures, promql, texts
from ..figures import ENGAGEMENT, HOUR, INTERACTIVE, SLA, Frame
from ..panels import BAD, GOOD, WARN, Column, asked, board, chart, choice, from_on, grid, number_panels, over_time
from . import variables

IDS = promql.IDS["skill"]
ON = promql.on_ids("skill")
WHOLE = 'le="+Inf"'
LATE_LIMIT = 'le="${within}.0"'
IN_WINDOW = Frame("in the window", "$window")
OVER_RANGE = Frame("over the time range", "", "${__range}")
SHOWN, CHARTED = 'skill=~"$shown"', 'skill=~"$charted"'
# A wait that is known only to be longer than all limits; no visitor waits for 30 years.
BEYOND = "1e9"


def build() -> dashboard.Dashboard:
    built = board("skills", "Skills", "Chats, waits and handling times by skill, the worst first.", since="now-12h")
    for variable in (
        variables.accounts(),
        skill(),
        variables.window(),
        variables.within(),
        variables.target(),
        variables.least(),
        variables.longest(),
        choice("limit", "Skills shown", "How many skills the tables show.", ["25", "100", "1000"], "25"),
        ranked("shown", "$limit"),
        ranked("charted", "10"),
    ):
        built.with_variable(variable)
    built.with_panel(in_window())
    for panel in (late(), in_time(), chats(), handling()):
        built.with_panel(panel)
    return number_panels(built.with_panel(over_range()))


def skill() -> dashboard.QueryVariable:
    present = promql.once(IDS, promql.selector("liveperson_window_skill_chats", promql.ACCOUNTS))
    named = promql.with_names("skill", present, promql.ACCOUNTS)
    return asked(
        "skill",
        "Skill",
        f"query_result({promql.once(('skill', 'name'), named)})",
        regex='/name="(?<text>.*)",skill="(?<value>[^"]*)"/',
        several=True,
        all_value=".*",
    )


def waits(frame: Frame, limit: str, which: str) -> str:
    return figures.number("skill", "wait_seconds_bucket", frame, SLA, limit, which)


def late_chats(frame: Frame, which: str) -> str:
    return f"({waits(frame, WHOLE, which)})\n- {ON}\n({waits(frame, LATE_LIMIT, which)})"


def ranked(name: str, count: str) -> dashboard.QueryVariable:
    """The ids with the most late chats, then with the most chats: asked once, not by each panel."""
    chosen = 'skill=~"$skill"'
    closed = promql.summed(IDS, figures.number("skill", "chats", IN_WINDOW, ENGAGEMENT, chosen, by=("kind",)))
    rank = promql.either(f"1000000 * ({late_chats(IN_WINDOW, chosen)})\n+ {ON}\n{closed}", closed)
    # In an outage the charts still show what was before it.
    found = promql.unless_empty(promql.top(count, rank), promql.top(count, figures.last_chats("skill", chosen)))
    return asked(name, name, f"query_result({found})", regex='/skill="(?<value>[^"]*)"/', several=True, hidden=True)


def share(frame: Frame, which: str) -> str:
    """In time, of skills with enough chats to be judged."""
    return f"({waits(frame, LATE_LIMIT, which)})\n/ {ON}\n(({waits(frame, WHOLE, which)}) >= $least)"


def known_skill(panel_expression: str, which: str) -> str:
    return promql.with_names("skill", panel_expression, promql.ACCOUNTS, which)


def percentile(frame: Frame, which: str) -> str:
    """The wait that nine of ten did not exceed; `BEYOND` where that is longer than all limits."""
    buckets = figures.number("skill", "wait_seconds_bucket", frame, SLA, which, by=("le",))
    whole = waits(frame, WHOLE, which)
    within_all = waits(frame, 'le="${longest}.0"', which)
    known = f"({within_all})\n/ {ON}\n(({whole}) >= $least)"
    return promql.either(
        f"histogram_quantile(0.9, {buckets})\nand {ON} ({known}) >= 0.9",
        f"{BEYOND} * (({known}) < bool 0.9)\nunless {ON} ({known}) >= 0.9",
    )


def in_window():
    number = lambda name, *kind: figures.number("skill", name, IN_WINDOW, ENGAGEMENT, *kind, SHOWN)
    closed, seconds = number("chats", INTERACTIVE), number("handling_seconds", INTERACTIVE)
    return grid(
        "Skills in the window $window",
        "The $limit skills with the most late chats, then with the most chats; sort by any column, search with the "
        "funnel. Waits need sla.skills and this window in sla.windows. Handling is the mean of interactive chats. Skills "
        "with fewer than $least chats have no share and no percentile. A skill without a name is "
        "shown by its id; -1 are chats without a skill.",
        (24, 14),
        [
            _name(),
            Column("Late", expr=late_chats(IN_WINDOW, SHOWN), width=70),
            *_judged(IN_WINDOW),
            Column(
                "9 of 10 within",
                expr=percentile(IN_WINDOW, SHOWN),
                unit="suffix:s",
                mappings=from_on(1e8, "> all limits", BAD),
                width=115,
            ),
            Column("Waited", expr=waits(IN_WINDOW, WHOLE, SHOWN), width=75),
            Column("Chats", expr=known_skill(closed, SHOWN), bar=True),
            Column("Non-interactive", expr=number("chats", 'kind="noninteractive"'), width=120),
            Column("Connected", expr=number("connected_engagements"), width=95),
            Column("Handling", expr=promql.ratio(seconds, f"({closed})"), unit="dthms", width=90),
            *_WHERE,
        ],
        sort="Late",
        empty="no chats by skill: needs engagement_activity.skills and this window",
        paged=True,
    )


def _name() -> Column:
    to_agents = texts.dashboard_path("agents") + (
        "?${datasource:queryparam}&var-account=${__data.fields.Account}&var-skill=${__data.fields.Id}&${window:queryparam}"
    )
    return Column("Skill", label="name", link=to_agents, link_title="Its agents", search=True)


def _judged(frame: Frame) -> list[Column]:
    in_time = share(frame, SHOWN)
    return [
        Column("In time", expr=in_time, unit="percentunit", width=80),
        Column(
            "To target",
            expr=f"100 * ({in_time})\n- $target",
            unit="suffix:points",
            steps=[(None, "transparent"), (-100, BAD), (-10, WARN), (0, GOOD)],
            width=110,
        ),
    ]


# Last, so that a narrow screen cuts these off first.
_WHERE = [Column("Account", label="account", width=95), Column("Id", label="skill", width=70)]


def over_range():
    number = lambda name, *kind: figures.number("skill", name, OVER_RANGE, ENGAGEMENT, *kind, SHOWN)
    closed, seconds = number("chats", INTERACTIVE), number("handling_seconds", INTERACTIVE)
    return grid(
        "Skills over the time range",
        "From the running totals, over the time range of the dashboard, of the skills above. Needs totals: true, and "
        "data from the beginning of the range on; waits need sla.skills.",
        (24, 12),
        [
            _name(),
            Column("Late", expr=late_chats(OVER_RANGE, SHOWN), width=70),
            *_judged(OVER_RANGE),
            Column("Waited", expr=waits(OVER_RANGE, WHOLE, SHOWN), width=75),
            Column("Chats", expr=known_skill(closed, SHOWN), bar=True),
            Column("Handling", expr=promql.ratio(f"({seconds})", f"({closed})"), unit="dthms", width=90),
            *_WHERE,
        ],
        sort="Late",
        empty=texts.NEEDS_TOTALS + ", from the beginning of the time range on",
        paged=True,
    )


def _course(title: str, description: str, expression: str, unit: str, empty: str, most: float | None = None):
    return chart(
        title,
        description + " The 10 skills with the most late chats in the window, then with the most chats.",
        (12, 9),
        over_time(known_skill(expression, CHARTED), "{{name}} · {{account}}"),
        unit=unit,
        most=most,
        empty=empty,
        step="1m",
        legend="table",
    )


def late():
    return _course(
        "Late chats by skill",
        "Chats that waited longer than $within s, in the hour before each point.",
        late_chats(HOUR, CHARTED),
        "none",
        texts.NEEDS_SKILL_WAITS,
    )


def in_time():
    shares = f"({waits(HOUR, LATE_LIMIT, CHARTED)})\n/ {ON}\n(({waits(HOUR, WHOLE, CHARTED)}) >= $least)"
    return _course(
        "In time by skill",
        "Share of chats whose first reply came within $within s, in the hour before each point; where there were at "
        "least $least.",
        shares,
        "percentunit",
        texts.NEEDS_SKILL_WAITS,
        most=1,
    )


def chats():
    closed = figures.number("skill", "chats", HOUR, ENGAGEMENT, INTERACTIVE, CHARTED)
    described = "Interactive chats that were closed in the hour before each point."
    return _course("Chats by skill", described, closed, "none", texts.NO_DATA)


def handling():
    closed = figures.number("skill", "chats", HOUR, ENGAGEMENT, INTERACTIVE, CHARTED)
    seconds = figures.number("skill", "handling_seconds", HOUR, ENGAGEMENT, INTERACTIVE, CHARTED)
    described = "Mean handling time of the interactive chats that were closed in the hour before each point."
    return _course(
        "Handling time by skill", described, promql.ratio(f"({seconds})", f"({closed})"), "dthms", texts.NO_DATA
    )
