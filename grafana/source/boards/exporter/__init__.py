"""The exporter: whether its data is there, from which replica, and where the cause is when it is not."""

from grafana_foundation_sdk.builders import dashboard

from ... import promql
from ...annotations import Event, with_events
from ...panels import asked, board, note, number_panels
from . import calls, polls, process, state
from .common import REPLICAS, chosen, of_process, risen

GUIDE = """
**Which replica?** The table and the states above have a row for each replica, account and collector. While one replica
has the data, all is served.

**No replica is up**: `systemctl status liveperson_exporter` and its log; exit status 2 means that the configuration is bad.

**One collector is down**: "Failed requests" says why, by `code`:

- `401`, `403`: the credentials, or their permissions
- `429`: LivePerson throttles; who else uses the account?
- `5..`, `decode`: LivePerson itself
- `connect`, `timeout`: network, DNS, proxy, certificates
- `too_large`: raise `limits.max_response_bytes`
- other `4..`: the account id, or a skill, agent or group that is gone

`liveperson_exporter test-connection` tries every step once and says what to do.
"""

THROTTLED = chosen("liveperson_api_requests_total", 'code="429"')
EVENTS = [
    Event(
        "Restarts", "purple", f"changes({of_process('process_start_time_seconds')}[2m]) > 0", "{{instance}} restarted"
    ),
    Event(
        "Reloads",
        "blue",
        f"changes({of_process('liveperson_exporter_config_last_reload_success_timestamp_seconds')}[2m]) > 0\n"
        f"unless on (job, instance) changes({of_process('process_start_time_seconds')}[2m]) > 0",
        "{{instance}} reloaded its configuration",
    ),
    Event(
        "429s",
        "orange",
        f"sum by (account, api) ({risen(THROTTLED, '2m')}) >= 1",
        "account {{account}}, {{api}}: throttled",
    ),
    Event(
        "Outages",
        "red",
        f"max by (account, collector) ({chosen('liveperson_up')}) == bool 0 > 0",
        "account {{account}}, {{collector}}: down on all replicas",
    ),
]


def build() -> dashboard.Dashboard:
    built = board("exporter", "Exporter", __doc__.splitlines()[0], since="now-3h")
    for variable in (job(), instance(), account()):
        built.with_variable(variable)
    for panel in (
        state.replicas(),
        state.collectors(),
        state.data_age(),
        state.failures(),
        state.waiting(),
        state.configuration(),
    ):
        built.with_panel(panel)
    built.with_panel(state.states_table())
    built.with_panel(state.states()).with_panel(state.alerts())
    built.with_panel(note("What is broken?", (10, 13), GUIDE)).with_panel(calls.failed_requests())
    built.with_row(dashboard.Row("Calls to LivePerson"))
    for panel in (
        calls.requests(),
        calls.failed_share(),
        calls.backoff(),
        calls.durations(),
        calls.durations_by_api(),
        calls.answers(),
    ):
        built.with_panel(panel)
    built.with_row(dashboard.Row("Polls and series"))
    for panel in (polls.polls(), polls.skipped(), polls.stretch(), polls.series(), polls.age(), polls.ignored()):
        built.with_panel(panel)
    built.with_row(dashboard.Row("Running totals"))
    for panel in (polls.anchors(), polls.losses(), polls.saves()):
        built.with_panel(panel)
    built.with_row(dashboard.Row("The process"))
    for panel in (process.cpu(), process.memory(), process.files(), process.clock(), state.exporters()):
        built.with_panel(panel)
    return number_panels(with_events(built, EVENTS))


def job() -> dashboard.QueryVariable:
    query = "label_values(liveperson_exporter_build_info, job)"
    return asked("job", "Job", query, several=True, all_value=".+")


def instance() -> dashboard.QueryVariable:
    query = 'label_values(liveperson_exporter_build_info{job=~"$job"}, instance)'
    return asked("instance", "Instance", query, several=True, all_value=".+")


def account() -> dashboard.QueryVariable:
    up = promql.once(("account",), promql.selector("liveperson_up", REPLICAS))
    named = promql.with_names("account", up)
    query = f"query_result({promql.once(('account', 'name'), named)})"
    regex = '/account="(?<value>[^"]*)",name="(?<text>.*)"/'
    return asked("account", "Account", query, regex=regex, several=True, all_value=".+")
