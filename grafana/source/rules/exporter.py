"""Alerts about the exporter's own process."""

from .expressions import EXPORTER_UP
from .rule import Group, Rule, alert, group, record

STARTED = "replica:process_start_time_seconds"


def build() -> Group:
    return group("exporter", [*_processes(), *_shards(), *_configuration(), *_limits()], interval="15s")


def _processes() -> list[Rule]:
    return [
        alert(
            "ExporterAbsent",
            f"absent({EXPORTER_UP} == 1)",
            wait="3m",
            severity="critical",
            summary="No LivePerson exporter can be scraped.",
            description="None of the exporters that Prometheus knows has answered for 3 minutes, or it knows"
            " none: then check its scrape configuration, and the job in liveperson.settings.rules.yml."
            " The contact centre is not visible.",
        ),
        alert(
            "ExporterDown",
            f"{EXPORTER_UP} == 0",
            wait="3m",
            summary="The LivePerson exporter {{ $labels.instance }} cannot be scraped.",
            description="Prometheus has had no page of it for 3 minutes. As long as another replica serves the"
            " same accounts nothing is missing. On its host look at `systemctl status liveperson_exporter` and"
            " its log; exit status 2 means that the configuration is bad. If it runs, check the way from"
            " Prometheus to it.",
        ),
        record(STARTED, f"process_start_time_seconds\nand on (job, instance)\n{EXPORTER_UP}"),
        alert(
            "ExporterRestarts",
            f"changes({STARTED}[1h]) > 3",
            summary="The LivePerson exporter {{ $labels.instance }} restarts again and again.",
            description="It was started {{ $value }} times within an hour. Its log and"
            " `systemctl status liveperson_exporter` say why it stopped; look for a lack of memory.",
        ),
    ]


def _shards() -> list[Rule]:
    """Those that run with --shard only: the others have no such series."""
    shards = "liveperson_exporter_shards"
    return [
        alert(
            "ShardMissing",
            f"max by (job) ({shards})\n-\ncount by (job) (count by (job, shard) ({shards}))\n> 0",
            wait="5m",
            severity="critical",
            summary="{{ $value }} of the LivePerson exporter's shards cannot be scraped.",
            description="The accounts that fall to them are served by none. Check that as many instances run as TOTAL"
            " of --shard says, each with an index of its own, and that Prometheus scrapes all of them.",
        ),
        alert(
            "ShardsDiffer",
            f"min by (job) ({shards}) != max by (job) ({shards})",
            wait="10m",
            summary="The LivePerson exporter's shards differ in their number.",
            description="They run with different TOTAL of --shard, the least being {{ $value }}: some accounts are"
            " served twice and others by none. Give all the same, or another `job` to another set of instances.",
        ),
    ]


def _configuration() -> list[Rule]:
    return [
        alert(
            "ConfigReloadFailed",
            "liveperson_exporter_config_last_reload_successful == 0",
            wait="1m",
            summary="The LivePerson exporter {{ $labels.instance }} refused its configuration.",
            description="It keeps using the previous one, but would not start with this one. Run"
            " `liveperson_exporter check-config`, correct what it names, and reload.",
        ),
        alert(
            "WebConfigReloadFailed",
            "liveperson_exporter_web_config_last_reload_successful == 0",
            wait="1m",
            summary="The LivePerson exporter {{ $labels.instance }} refused its web configuration.",
            description="It keeps using the previous one, with the old certificate and passwords, but would not"
            " start with this one. Run `liveperson_exporter check-config` with the same --web.config.file and"
            " correct what it names.",
        ),
        alert(
            "ClockOff",
            "max by (job, instance) (abs(liveperson_clock_offset_seconds)) > 60",
            wait="1m",
            summary="The clock of {{ $labels.instance }} differs from LivePerson's.",
            description="By {{ $value | humanizeDuration }}. Time stamps, the life of tokens and OAuth 1.0"
            " signatures are wrong by as much, and `today` may begin on the wrong day. Synchronise the clock"
            " of the exporter's host (NTP).",
        ),
    ]


def _limits() -> list[Rule]:
    return [
        alert(
            "SeriesDropped",
            "liveperson_series_dropped > 0",
            wait="10m",
            summary="Series of account {{ $labels.account }}, {{ $labels.collector }}, are left out.",
            description="{{ $value }} series are beyond limits.max_series and are not served by"
            " {{ $labels.instance }}. Raise it if Prometheus can bear it, or name fewer skills and agents, or set"
            " skill_agents to false.",
        ),
        alert(
            "PollsSkipped",
            "increase(liveperson_polls_skipped_total[30m]) > 5\n"
            "unless\n(liveperson_up == 0 or liveperson_poll_stretch_ratio > 1.5)",
            wait="15m",
            comment="Late polls of a collector that is down, or stretched, have their own alert.",
            summary="Polls of account {{ $labels.account }}, {{ $labels.collector }}, are late.",
            description="{{ $value | humanize }} polls in 30 minutes were due before the last one was done, so that"
            " data is older than its interval. `liveperson_exporter check-config` shows how many requests a poll"
            " takes: lengthen interval, name fewer skills, groups or windows, or raise limits.max_in_flight if there"
            " are no 429s.",
        ),
        alert(
            "PollsStretched",
            "liveperson_poll_stretch_ratio > 1.5",
            wait="30m",
            summary="Polls of account {{ $labels.account }}, {{ $labels.collector }}, take longer than their interval.",
            description="A poll takes {{ $value | humanize }} times its interval: calls are slow, fail, or may not"
            " start more often. If there were 429s, find out who else uses the account; if calls are slow or fail, see"
            " liveperson_api_request_duration_seconds and liveperson_api_requests_total; otherwise lengthen interval,"
            " or name fewer skills, groups or windows.",
        ),
    ]
