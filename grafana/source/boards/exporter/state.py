"""Whether all is well, and which replica, account or collector is not."""

from ... import promql, texts
from ...panels import BAD, GOOD, WARN, Column, grid, now, over_time, tile, timeline, words
from .common import COLLECTOR, FAILED, REPLICAS, UP_WORDS, chosen, of_process, risen


def replicas():
    up = of_process("up")
    return tile(
        "Replicas",
        "Exporters that Prometheus can scrape. One is enough for the data; none: nothing else here can be trusted.",
        (8, 3),
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
        (8, 3),
        now(f"count({best} == 1) unless count({best} == 0)", "✔ all up"),
        now(f"count({best} == 0)", "✖ down everywhere"),
        colours=(GOOD, BAD),
    )


def data_age():
    newest = promql.once(COLLECTOR, chosen("liveperson_last_success_timestamp_seconds"))
    served = promql.once(COLLECTOR, chosen("liveperson_series"))
    age = f"(time() - {newest})"
    with_data = f"max({age} and on (account, collector) {served} > 0)"
    without = f"max({age} unless on (account, collector) {served} > 0)"
    return tile(
        "Oldest data",
        "Time since the last whole success of any replica, of the collector for which it is longest. Data older than "
        "stale_after (5m unless configured) is not served. Partly: it is served, but not all requests of a poll succeed.",
        (8, 3),
        now(f"{with_data} < {texts.STALE_AFTER_SECONDS}\nunless on () {without}", "✔ served"),
        now(f"{with_data} >= {texts.STALE_AFTER_SECONDS}\nunless on () {without}", "▲ served, partly failing"),
        now(without, "✖ stale"),
        unit="dthms",
        colours=(GOOD, WARN, BAD),
        empty="no success yet",
    )


def failures():
    failed = f"sum({promql.call('', risen(chosen('liveperson_api_requests_total', FAILED), '10m'))}) or vector(0)"
    return tile(
        "Failed requests",
        "Requests of the last 10 minutes that ended otherwise than with success, of all replicas.",
        (8, 3),
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
        (8, 3),
        now(f"{left} < 1", "✔ no"),
        now(f"{left} >= 1", "▲ after a failure"),
        unit="dthms",
        colours=(GOOD, WARN),
    )


def configuration():
    both = promql.selector("", '__name__=~"liveperson_exporter_(config|web_config)_last_reload_successful"', REPLICAS)
    return tile(
        "Configuration",
        "Configuration files, of the exporter and of its web server, that are in use as they are now. Of a file that "
        "was refused the one before is in use; the table below and the log say which.",
        (8, 3),
        now(f"count({both} == 1) unless count({both} == 0)", "✔ in use"),
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
        # Eight rows without scrolling: two replicas with two accounts.
        (24, 10),
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
        (12, 12),
        over_time(of_process("up"), "{{instance}}"),
        over_time(chosen("liveperson_up"), "{{instance}} {{account}} {{collector}}"),
        mappings=UP_WORDS,
        empty="no exporter was known",
    )


def alerts():
    active = 'ALERTS{alertname=~"LivePerson.*"}'
    ids = ("alertname", "alertstate", "severity", "account", "collector", "instance")
    since = promql.once(
        ("alertname", "severity", "account", "collector", "instance"), 'ALERTS_FOR_STATE{alertname=~"LivePerson.*"}'
    )
    states_words = words({"firing": ("✖ firing", BAD), "pending": ("▲ pending", WARN)})
    same_alert = "on (alertname, severity, account, collector, instance)"
    joined = f"1000 * {since}\n* {same_alert} group_right ()\n{promql.once(ids, active)}"
    return grid(
        "Alerts",
        "Of the rules in grafana/rules, as Prometheus evaluates them. Empty means that nothing fires, or that the rules "
        "are not loaded.",
        (12, 12),
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


def exporters():
    once = lambda name: promql.once(("instance",), of_process(name))
    build = promql.once(
        ("instance", "version", "revision", "rust_version"), of_process("liveperson_exporter_build_info")
    )
    shards = promql.once(("instance", "shard"), of_process("liveperson_exporter_shards"))
    in_use = words({"1": ("✔ in use", GOOD), "0": ("✖ refused", BAD)})
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
                "Configuration",
                expr=once("liveperson_exporter_config_last_reload_successful"),
                mappings=in_use,
                width=130,
            ),
            Column(
                "Web", expr=once("liveperson_exporter_web_config_last_reload_successful"), mappings=in_use, width=120
            ),
            Column("Shard", label="shard", width=70),
            Column("Of", expr=shards, width=60),
            Column("Threads", expr=once("process_threads"), width=100),
            Column(
                "Files", expr=f"{once('process_open_fds')} / {once('process_max_fds')}", unit="percentunit", width=80
            ),
        ],
        sort="Replica",
        descending=False,
        empty="no exporter answers",
    )
