"""The variables that several dashboards share."""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import VariableSort

from .. import promql
from ..panels import asked, choice

# What is before the point of a bucket's upper limit, in seconds.
WHOLE_SECONDS = "/^([0-9]+)[.]0$/"
WAITS = '__name__=~"liveperson_(window_account|account)_wait_seconds_bucket"'


def accounts() -> dashboard.QueryVariable:
    """The accounts by name. "All" is a pattern, so that it still stands when no exporter answers."""
    up = promql.once(("account",), "liveperson_up")
    named = promql.with_names("account", up)
    return asked(
        "account",
        "Account",
        f"query_result({promql.once(('account', 'name'), named)})",
        regex='/account="(?<value>[^"]*)",name="(?<text>.*)"/',
        several=True,
        all_value=".+",
    )


def now() -> dashboard.QueryVariable:
    return asked(
        "now",
        "Now is the window",
        'label_values({__name__=~"liveperson_window_account_(chats|waited_chats)", account=~"$account"}, window)',
        regex="/^([0-9].*)$/",
        default="5m",
        sort=VariableSort.NATURAL_ASC,
    )


def window(default: str = "1h") -> dashboard.QueryVariable:
    return asked(
        "window",
        "Window",
        'label_values({__name__=~"liveperson_window_account_(chats|waited_chats)", account=~"$account"}, window)',
        default=default,
        sort=VariableSort.NATURAL_ASC,
    )


def within() -> dashboard.QueryVariable:
    return asked(
        "within",
        "Answered within (s)",
        f'label_values({{{WAITS}, account=~"$account", le!="+Inf"}}, le)',
        regex=WHOLE_SECONDS,
        default="30",
        sort=VariableSort.NUMERICAL_ASC,
    )


def longest() -> dashboard.QueryVariable:
    """The longest limit of sla.buckets: beyond it nothing is known. Without a saved value: Grafana would keep
    one that is among the limits, and takes the first, the longest, only where it has none."""
    return asked(
        "longest",
        "Longest limit (s)",
        f'label_values({{{WAITS}, account=~"$account", le!="+Inf"}}, le)',
        regex=WHOLE_SECONDS,
        sort=VariableSort.NUMERICAL_DESC,
        hidden=True,
    )


def target() -> dashboard.CustomVariable:
    described = "The share of chats that is to be answered in time."
    return choice("target", "Target (%)", described, ["70", "75", "80", "85", "90", "95"], "80")


def least() -> dashboard.CustomVariable:
    described = "Fewer chats than this are shown, but not judged."
    return choice("least", "Judge from (chats)", described, ["5", "10", "20", "50"], "10")
