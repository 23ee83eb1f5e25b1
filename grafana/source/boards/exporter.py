"""The exporter: whether its data is there, from which replica, and where the cause is when it is not."""

from grafana_foundation_sdk.builders import dashboard

from .. import promql, texts
from ..annotations import Event, with_events
from ..panels import BAD, GOOD, WARN, Column, asked, board, chart, grid, line, note, now, number_panels
from ..panels import dashes, over_time, tile, timeline, words

REPLICAS = 'job=~"$job", instance=~"$instance"'
CHOSEN = f"{REPLICAS}, {promql.ACCOUNTS}"
COLLECTOR = ("account", "collector")
FAILED = 'code!~"2..|304"'
UP_WORDS = words({"1": ("✔ up", GOOD), "0": ("✖ down", BAD)})
# In this order of rows the first page has what decides.
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


def chosen(name: str, *more: str) -> str:
    return promql.selector(name, CHOSEN, *more)


def of_process(name: str) -> str:
    return promql.selector(name, REPLICAS)


def risen(counter: str, span: str) -> str:
    """By how much a counter rose, the first rise included: a new series begins at 0."""
    return promql.either(
        f"({counter} unless {counter} offset {span} and on (job, instance) {of_process('up')} offset {span})",
        f"increase({counter}[{span}])",
    )


THROTTLED = chosen("liveperson_api_requests_total", 'code="429"')
EVENTS = [
    Event("Restarts", "purple", f"changes({of_process('process_start_time_seconds')}[2m]) > 0", "{{instance}} restarted"),
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
    for panel in (replicas(), collectors(), data_age(), failures(), waiting(), configuration()):
        built.with_panel(panel)
    built.with_panel(states_table())
    built.with_panel(states()).with_panel(alerts())
    built.with_panel(note("What is broken?", (8, 12), GUIDE)).with_panel(failed_requests())
    built.with_row(dashboard.Row("Calls to LivePerson"))
    for panel in (requests(), failed_share(), backoff(), durations(), durations_by_api(), answers()):
        built.with_panel(panel)
    built.with_row(dashboard.Row("Polls and series"))
    for panel in (polls(), skipped(), stretch(), series(), age(), ignored()):
        built.with_panel(panel)
    built.with_row(dashboard.Row("Running totals"))
    for panel in (anchors(), losses(), saves()):
        built.with_panel(panel)
    built.with_row(dashboard.Row("The process"))
    for panel in (cpu(), memory(), files(), clock(), exporters()):
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


def replicas():
    up = of_process("up")
    return tile(
        "Replicas",
        "Exporters that Prometheus can scrape. One is enough for the data; none: nothing else here can be trusted.",
        (4, 4),
        now(f"count({up} == 1) == count({up})", "✔ all answer"),
        now(f"count({up} == 1) < count({up})", "▲ not all answer, only"),
        now(f"count({up}) unless count({up} == 1)", "✖ none answers, of"),
        colours=(GOOD, WARN, BAD),
        empty="✖ none known",
    )


def collectors():
    best = promql.once(COLLECTOR, chosen("liveperson_up"))
    return tile(
        "Collectors",
        "Over all replicas: a collector of an account is down when the last poll of every replica failed.",
        (4, 4),
        now(f"count({best} == 1) unless count({best} == 0)", "✔ all up"),
        now(f"count({best} == 0)", "✖ down everywhere"),
        colours=(GOOD, BAD),
    )


def data_age():
    newest = promql.once(COLLECTOR, chosen("liveperson_last_success_timestamp_seconds"))
    oldest = f"max(time() - {newest})"
    return tile(
        "Oldest data",
        "Time since the last whole success of any replica, of the collector for which it is longest. Data older than "
        "stale_after (5m unless configured) is not served.",
        (4, 4),
        now(f"{oldest} < {texts.STALE_AFTER_SECONDS}", "✔ served"),
        now(f"{oldest} >= {texts.STALE_AFTER_SECONDS}", "✖ stale"),
        unit="dthms",
        colours=(GOOD, BAD),
        empty="no success yet",
    )


def failures():
    failed = f"sum({promql.call('', risen(chosen('liveperson_api_requests_total', FAILED), '10m'))}) or vector(0)"
    return tile(
        "Failed requests",
        "Requests of the last 10 minutes that ended otherwise than with success, of all replicas.",
        (4, 4),
        now(f"round({failed}) < 1", "✔ none in 10 minutes"),
        now(f"round({failed}) >= 1", "▲ in 10 minutes"),
        unit="locale",
        colours=(GOOD, WARN),
    )


def waiting():
    left = f"max({chosen('liveperson_api_backoff_seconds')})"
    return tile(
        "Waiting",
        "What is left of the longest present wait after a 429 or a failure.",
        (4, 4),
        now(f"{left} < 1", "✔ no"),
        now(f"{left} >= 1", "▲ after a failure"),
        unit="dthms",
        colours=(GOOD, WARN),
    )


def configuration():
    both = promql.selector("", '__name__=~"liveperson_exporter_(config|web_config)_last_reload_successful"', REPLICAS)
    return tile(
        "Configuration",
        "Configuration files, of the exporter and of its web server, that are in force as they are now. Of a file that "
        "was refused the one before is in use; the table below and the log say which.",
        (4, 4),
        now(f"count({both} == 1) unless count({both} == 0)", "✔ in force"),
        now(f"count({both} == 0)", "✖ refused"),
        colours=(GOOD, BAD),
    )


def states_table():
    ids = ("instance", "account", "collector")
    once = lambda name: promql.once(ids, chosen(name))
    recent = promql.once(ids, f"increase({chosen('liveperson_polls_skipped_total')}[1h])")
    return grid(
        "Collectors of each replica",
        "A row for each replica, account and collector; those that are down first.",
        (24, 8),
        [
            Column("Replica", label="instance", search=True),
            Column("Account", label="account", width=100, search=True),
            Column("Collector", label="collector", width=180, search=True),
            Column("State", expr=once("liveperson_up"), mappings=UP_WORDS, width=100),
            Column(
                "Since success",
                expr=f"time() - {once('liveperson_last_success_timestamp_seconds')}",
                unit="dthms",
                width=120,
            ),
            Column("Poll took", expr=once("liveperson_poll_duration_seconds"), unit="suffix:s", width=100),
            Column("Stretched", expr=once("liveperson_poll_stretch_ratio"), unit="suffix:×", decimals=1, width=100),
            Column("Skipped in 1 h", expr=f"round({recent})", width=120),
            Column("Series", expr=once("liveperson_series"), unit="locale", width=100),
            Column("Left out", expr=once("liveperson_series_dropped"), unit="locale", width=100),
        ],
        sort="State",
        descending=False,
        empty="no exporter answers",
    )


def states():
    return timeline(
        "States",
        "Of each replica whether Prometheus can scrape it, and of each of its collectors whether the last poll "
        "succeeded whole. Dashes in time are lines of annotations: restarts, reloads, 429s, outages.",
        (12, 10),
        over_time(of_process("up"), "{{instance}}"),
        over_time(chosen("liveperson_up"), "{{instance}} {{account}} {{collector}}"),
        mappings=UP_WORDS,
        empty="no exporter was known",
    )


def alerts():
    active = 'ALERTS{alertname=~"LivePerson.*"}'
    ids = ("alertname", "alertstate", "severity", "account", "collector", "instance")
    since = promql.once(("alertname", "severity", "account", "collector", "instance"),
                        'ALERTS_FOR_STATE{alertname=~"LivePerson.*"}')
    states_words = words({"firing": ("✖ firing", BAD), "pending": ("▲ pending", WARN)})
    joined = f"1000 * {since}\n* on (alertname, severity, account, collector, instance) group_right ()\n{promql.once(ids, active)}"
    return grid(
        "Alerts",
        "Of the rules in grafana/rules, as Prometheus evaluates them. Empty means that nothing fires, or that the rules "
        "are not loaded.",
        (12, 10),
        [
            Column("Alert", label="alertname"),
            Column("State", label="alertstate", mappings=states_words, width=90),
            Column("Severity", label="severity", width=80),
            Column("Account", label="account", width=100),
            Column("Collector", label="collector", width=120),
            Column("Replica", label="instance", width=120),
            Column("Since", expr=joined, unit="dateTimeAsIsoNoDateIfToday", width=100),
        ],
        sort="Since",
        empty="✔ no alert, or the rules are not loaded",
    )


def failed_requests():
    counted = risen(chosen("liveperson_api_requests_total", FAILED), "$__interval")
    return chart(
        "Failed requests",
        "Requests that ended otherwise than with success, by api and code: in each bar those since the bar before.",
        (16, 12),
        over_time(f"round(sum by (api, code) {promql.call('', counted)}) > 0", "{{api}} {{code}}"),
        unit="none",
        decimals=0,
        bars=True,
        # Several scrapes for each bar, so that each failure is counted once.
        step="1m",
        empty="✔ no failed requests in the time range",
    )


def _third(title: str, description: str, *queries, **more):
    return chart(title, description, (8, 8), *queries, **more)


def _quarter(title: str, description: str, *queries, **more):
    return chart(title, description, (6, 8), *queries, **more)


def requests():
    counted = f"rate({chosen('liveperson_api_requests_total')}[$__rate_interval])"
    described = "Requests to LivePerson a minute by how they ended: HTTP status, or timeout, connect, decode, too_large."
    return _third("Requests by code", described, over_time(f"sum by (code) ({counted}) * 60", "{{code}}"))


def failed_share():
    rate = lambda *more: f"sum by (api) (rate({chosen('liveperson_api_requests_total', *more)}[10m]))"
    shares = f"({rate(FAILED)}\nor {rate()} * 0)\n/ ({rate()} > 0)"
    return _third(
        "Share of failed requests",
        "Of all requests of the api in the 10 minutes before each point.",
        over_time(shares, "{{api}}"),
        unit="percentunit",
        most=1,
    )


def backoff():
    return _third(
        "Waiting after 429 or failure",
        "What is left of the present wait of each account, on each replica.",
        over_time(chosen("liveperson_api_backoff_seconds"), "{{instance}} {{account}}"),
        unit="dthms",
    )


def durations():
    buckets = f"sum by (le) (rate({chosen('liveperson_api_request_duration_seconds_bucket')}[$__rate_interval]))"
    names = (("0.5", "half"), ("0.9", "9 of 10"), ("0.99", "99 of 100"))
    queries = [over_time(f"histogram_quantile({q}, {buckets}) >= 0", f"{name} took up to") for q, name in names]
    described = "To the end of the answer, between the limits of the histogram; at most 30 s is known."
    return _third("Request duration", described, *queries, unit="suffix:s")


def durations_by_api():
    buckets = f"sum by (le, api) (rate({chosen('liveperson_api_request_duration_seconds_bucket')}[$__rate_interval]))"
    return _third(
        "Request duration by api",
        "What 9 of 10 requests took at most, to the end of the answer; at most 30 s is known.",
        over_time(f"histogram_quantile(0.9, {buckets}) >= 0", "{{api}}"),
        unit="suffix:s",
    )


def answers():
    rate = f"sum by (api) (rate({chosen('liveperson_api_response_bytes_total')}[$__rate_interval]))"
    return _third("Answers by api", "After decompression.", over_time(rate, "{{api}}"), unit="Bps")


EACH = "{{instance}} {{account}} {{collector}}"


def polls():
    panel = _third(
        "Poll duration and interval",
        "Solid: how long the last poll took; its requests are spread over the interval, so that nearly a whole interval "
        "is normal. Dashed: the interval as configured. A solid line above it means that polls are late.",
        over_time(promql.once(COLLECTOR, chosen("liveperson_poll_duration_seconds")), "{{account}} {{collector}}"),
        over_time(promql.once(COLLECTOR, chosen("liveperson_poll_interval_seconds")), "{{account}} {{collector}}: interval"),
        unit="dthms",
    )
    return panel.override_by_query("B", dashes())


def skipped():
    counted = f"increase({chosen('liveperson_polls_skipped_total')}[$__interval])"
    return _third(
        "Polls skipped",
        "Polls that were due while the last one was still running or backing off: in each bar those since the bar before.",
        over_time(f"round(sum by (account, collector) ({counted})) > 0", "{{account}} {{collector}}"),
        unit="none",
        decimals=0,
        bars=True,
        step="1m",
        empty="✔ no poll was skipped in the time range",
    )


def stretch():
    return _third(
        "Polls stretched",
        "Time the last poll took over its interval; above 1 polls are late: calls are slow, fail, or may not start more often.",
        over_time(chosen("liveperson_poll_stretch_ratio"), EACH),
        unit="suffix:×",
        least=None,
    )


def series():
    left_out = f"{chosen('liveperson_series_dropped')} > 0"
    return _third(
        "Series served and left out",
        "Left out: beyond limits.max_series; no line while there are none.",
        over_time(chosen("liveperson_series"), EACH),
        over_time(left_out, EACH + ": left out"),
        unit="locale",
    )


def age():
    panel = _third(
        "Age of the data",
        "Time since the last whole success; at stale_after (5m unless configured, dashed) the data is no longer served.",
        over_time(f"time() - {chosen('liveperson_last_success_timestamp_seconds')}", EACH),
        over_time(f"vector({texts.STALE_AFTER_SECONDS})", "stale_after, unless configured"),
        unit="dthms",
    )
    return line(panel, "B", "red", dashed=True)


def ignored():
    counted = f"increase({chosen('liveperson_api_entries_ignored_total')}[$__interval])"
    return _third(
        "Entries left out",
        "Entries of answers that could not be read; the log names the first of them. In each bar those since the bar before.",
        over_time(f"round(sum by (account, api) ({counted})) > 0", "{{account}} {{api}}"),
        unit="none",
        decimals=0,
        bars=True,
        step="1m",
        empty="✔ every entry was read in the time range",
    )


def anchors():
    return _third(
        "Age of the anchors",
        "Up to when the running totals are final: LivePerson's numbers are added once its slots of 5 minutes have closed.",
        over_time(f"time() - {chosen('liveperson_totals_anchor_timestamp_seconds')}", EACH),
        unit="dthms",
        empty=texts.NEEDS_TOTALS,
    )


def losses():
    lost = f"increase({chosen('liveperson_totals_lost_seconds_total')}[$__rate_interval]) > 0"
    corrected = f"increase({chosen('liveperson_totals_corrections_total')}[$__rate_interval]) > 0"
    return _third(
        "Lost time and corrections",
        "Seconds that are in no total, because the exporter was away for longer than LivePerson remembers; and numbers "
        "that LivePerson changed afterwards.",
        over_time(lost, EACH + ": lost seconds"),
        over_time(corrected, EACH + ": corrections"),
        unit="none",
        empty="✔ nothing lost or corrected, or no running totals",
    )


def saves():
    failed = f"increase({chosen('liveperson_totals_save_failures_total')}[$__rate_interval]) > 0"
    rejected = f"increase({chosen('liveperson_totals_state_rejected_total')}[$__rate_interval]) > 0"
    return _third(
        "Since the totals were saved",
        "Running totals are saved to --state.dir, so that a restart does not lose them. Rejected: files there that could "
        "not be used; the log says why.",
        over_time(f"time() - {chosen('liveperson_totals_saved_timestamp_seconds')}", "{{instance}} {{account}}"),
        over_time(failed, "{{instance}} {{account}}: failures"),
        over_time(rejected, "{{instance}} {{account}}: rejected files"),
        unit="dthms",
        empty=texts.NEEDS_TOTALS + ", or no --state.dir",
    )


def cpu():
    used = f"rate({of_process('process_cpu_seconds_total')}[10m])"
    described = "Of one core, the mean of 10 minutes: the process counts whole seconds."
    return _quarter("CPU", described, over_time(used, "{{instance}}"), unit="percentunit")


def memory():
    used = of_process("process_resident_memory_bytes")
    return _quarter("Memory", "Resident set.", over_time(used, "{{instance}}"), unit="bytes")


def files():
    return _quarter(
        "File descriptors",
        "Open; each client and each call needs one.",
        over_time(of_process("process_open_fds"), "{{instance}} open"),
        unit="none",
    )


def clock():
    return chart(
        "LivePerson's clock less ours",
        "From the Date header of LivePerson's answers. Beyond a minute this machine's clock is wrong: synchronise it.",
        (6, 8),
        over_time(chosen("liveperson_clock_offset_seconds"), "{{instance}} {{account}}"),
        unit="suffix:s",
        least=None,
    )


def exporters():
    once = lambda name: promql.once(("instance",), of_process(name))
    build = promql.once(("instance", "version", "revision", "rust_version"), of_process("liveperson_exporter_build_info"))
    in_force = words({"1": ("✔ in force", GOOD), "0": ("✖ refused", BAD)})
    dated = "dateTimeAsIso"
    return grid(
        "Exporters",
        "Version, start and configuration of each replica.",
        (24, 6),
        [
            Column("Replica", label="instance"),
            Column("Version", label="version", width=80),
            Column("Revision", label="revision", width=100),
            Column("Rust", label="rust_version", width=80),
            Column("Build", expr=build, left_out=True),
            Column("Started", expr=f"1000 * {once('process_start_time_seconds')}", unit=dated, width=170),
            Column(
                "Configured",
                expr=f"1000 * {once('liveperson_exporter_config_last_reload_success_timestamp_seconds')}",
                unit=dated,
                width=170,
            ),
            Column(
                "Configuration", expr=once("liveperson_exporter_config_last_reload_successful"), mappings=in_force, width=130
            ),
            Column(
                "Web", expr=once("liveperson_exporter_web_config_last_reload_successful"), mappings=in_force, width=120
            ),
            Column("Threads", expr=once("process_threads"), width=100),
            Column("Files", expr=f"{once('process_open_fds')} / {once('process_max_fds')}", unit="percentunit", width=80),
        ],
        sort="Replica",
        descending=False,
        empty="no exporter answers",
    )
