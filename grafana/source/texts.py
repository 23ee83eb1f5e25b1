"""Words and limits that stand in several places of the dashboards and rules."""

TAG = "liveperson"

# The scrape job that the rules and the sample configuration name.
JOB = "liveperson"

# stale_after unless configured, in seconds: older data is no longer served.
STALE_AFTER_SECONDS = 300

# Why a panel may be empty.
NEEDS_SLA = "no waits: needs sla.enabled and this window in sla.windows"
NEEDS_SKILL_WAITS = "no waits by skill: needs sla.skills"
NEEDS_TOTALS = "no chats, or no running totals: needs totals: true"
NEEDS_AGENTS = "no agents: needs engagement_activity.agents"
NO_DATA = "no data"


def uid(board: str) -> str:
    """The uid of a dashboard, which is also in its address."""
    return f"liveperson-{board}"


def dashboard_path(board: str) -> str:
    """Its path on a Grafana server, to be put behind the server's address."""
    return f"/d/{uid(board)}"
