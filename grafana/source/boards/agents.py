"""Agents: who handles how much, and in which skills. Usable with thousands: ranked and limited."""

from grafana_foundation_sdk.builders import dashboard

from .. import figures, promql, texts
from ..figures import ENGAGEMENT, HOUR, INTERACTIVE, Frame
from ..panels import Column, asked, board, chart, choice, grid, note, number_panels, over_time
from . import variables
from .skills import skill

IDS = promql.IDS["agent"]
IN_WINDOW = Frame("in the window", "$window")
OVER_RANGE = Frame("over the time range", "", "${__range}")
SHOWN, CHARTED, SKILL = 'agent=~"$shown"', 'agent=~"$charted"', 'skill=~"$skill"'

PRIVACY = """
These are numbers about **people at work**. Before you show this page to others, ask those who represent the staff and
your data protection officer: in many countries the numbers of single persons may only be collected, stored and shown
with their agreement. To leave agents out:

- `agents: none` and `skill_agents: false` under `engagement_activity` collect and store nothing about agents;
- `names: {lookup: false}` serves ids instead of names;
- a list such as `agents: [1001, 1002]` collects these agents only.
"""


def build() -> dashboard.Dashboard:
    built = board("agents", "Agents", "Chats and handling times by agent, and by skill and agent.", since="now-12h")
    for variable in (
        variables.accounts(),
        agent(),
        skill(),
        variables.window(),
        choice("limit", "Agents shown", "How many agents the tables show.", ["25", "100", "2000"], "25"),
        ranked("shown", "$limit"),
        ranked("charted", "10"),
    ):
        built.with_variable(variable)
    for panel in (privacy(), at_work(), in_window(), pairs(), chats(), handling()):
        built.with_panel(panel)
    return number_panels(built.with_panel(over_range()))


def agent() -> dashboard.QueryVariable:
    present = promql.once(IDS, promql.selector("liveperson_window_agent_chats", promql.ACCOUNTS))
    named = promql.with_names("agent", present, promql.ACCOUNTS)
    return asked(
        "agent",
        "Agent",
        f"query_result({promql.once(('agent', 'name'), named)})",
        regex='/agent="(?<value>[^"]*)",name="(?<text>.*)"/',
        several=True,
        all_value=".*",
    )


def ranked(name: str, count: str) -> dashboard.QueryVariable:
    """The ids with the most interactive chats: asked once, not by each panel."""
    chosen = 'agent=~"$agent"'
    closed = figures.number("agent", "chats", IN_WINDOW, ENGAGEMENT, INTERACTIVE, chosen)
    # In an outage the charts still show what was before it.
    found = promql.unless_empty(promql.top(count, closed), promql.top(count, figures.last_chats("agent", chosen)))
    return asked(name, name, f"query_result({found})", regex='/agent="(?<value>[^"]*)"/', several=True, hidden=True)


def known_agent(expression: str, which: str) -> str:
    return promql.with_names("agent", expression, promql.ACCOUNTS, which)


def privacy():
    return note("About people", (12, 10), PRIVACY)


def at_work():
    return chart(
        "Agents at work",
        "Agents of the accounts who closed or took a chat in the hour before each point.",
        (12, 10),
        over_time(figures.agents_at_work(HOUR), "agents"),
        unit="none",
        empty=texts.NEEDS_AGENTS,
        step="1m",
    )


def _columns(frame: Frame) -> list[Column]:
    number = lambda name, *kind: figures.number("agent", name, frame, ENGAGEMENT, *kind, SHOWN)
    closed, seconds = number("chats", INTERACTIVE), number("handling_seconds", INTERACTIVE)
    return [
        Column("Agent", label="name", search=True),
        Column("Chats", expr=known_agent(closed, SHOWN), bar=True),
        Column("Handling", expr=promql.ratio(f"({seconds})", f"({closed})"), unit="dthms", width=90),
        Column("Connected", expr=number("connected_engagements"), width=95),
        Column("Non-interactive", expr=number("chats", 'kind="noninteractive"'), width=120),
        Column("Account", label="account", width=95),
        Column("Id", label="agent", width=70),
    ]


def in_window():
    return grid(
        "Agents in the window $window",
        "The $limit agents with the most interactive chats. Handling is the mean of those. Sort by any column, search with "
        "the funnel.",
        (24, 12),
        _columns(IN_WINDOW),
        sort="Chats",
        empty=texts.NEEDS_AGENTS + " and this window",
        paged=True,
    )


def over_range():
    return grid(
        "Agents over the time range",
        "From the running totals, over the time range of the dashboard, of the agents above. Needs totals: true, and "
        "data from the beginning of the range on.",
        (24, 12),
        _columns(OVER_RANGE),
        sort="Chats",
        empty=texts.NEEDS_TOTALS + ", from the beginning of the time range on",
        paged=True,
    )


def pairs():
    number = lambda name: promql.once(
        promql.IDS["skill_agent"],
        promql.selector(
            f"liveperson_window_skill_agent_{name}",
            promql.ACCOUNTS,
            SKILL,
            SHOWN,
            'window="$window"',
            INTERACTIVE if name != "connected_engagements" else "",
        ),
    )
    closed = number("chats")
    named = promql.with_names("agent", closed, promql.ACCOUNTS, SHOWN, label="agent_name")
    # A label of the values stays when the next name is joined.
    skills = promql.one_name("skill", promql.ACCOUNTS, SKILL, at=" @ end()")
    both = promql.either(
        f"({named})\n* {promql.on_ids('skill')} group_left (name)\n({skills})",
        f'on (account, skill, agent) label_replace({named}, "name", "$1", "skill", "(.+)")',
    )
    return grid(
        "Skill by agent in the window $window",
        "The chosen skills of the agents shown. Needs skill_agents: true.",
        (24, 12),
        [
            Column("Agent", label="agent_name", search=True),
            Column("Skill", label="name", search=True),
            Column("Account", label="account", left_out=True),
            Column("Agent id", label="agent", left_out=True),
            Column("Skill id", label="skill", left_out=True),
            Column("Chats", expr=both, bar=True),
            Column("Handling", expr=promql.ratio(number("handling_seconds"), closed), unit="dthms", width=90),
        ],
        sort="Chats",
        empty="no skills by agent: needs engagement_activity.skill_agents",
        paged=True,
    )


def _course(title: str, description: str, expression: str, unit: str):
    return chart(
        title,
        description + " The 10 agents with the most interactive chats in the window.",
        (12, 9),
        over_time(known_agent(expression, CHARTED), "{{name}} · {{account}}"),
        unit=unit,
        empty=texts.NEEDS_AGENTS,
        step="1m",
        legend="table",
    )


def chats():
    closed = figures.number("agent", "chats", HOUR, ENGAGEMENT, INTERACTIVE, CHARTED)
    described = "Interactive chats that were closed in the hour before each point."
    return _course("Chats by agent", described, closed, "none")


def handling():
    closed = figures.number("agent", "chats", HOUR, ENGAGEMENT, INTERACTIVE, CHARTED)
    seconds = figures.number("agent", "handling_seconds", HOUR, ENGAGEMENT, INTERACTIVE, CHARTED)
    described = "Mean handling time of the interactive chats that were closed in the hour before each point."
    return _course("Handling time by agent", described, promql.ratio(f"({seconds})", f"({closed})"), "dthms")
