"""Polls, the series that they lead to, and the running totals."""

from ... import promql, texts
from ...panels import dashes, line, over_time
from .common import COLLECTOR, EACH, chosen, third


def polls():
    panel = third(
        "Poll duration and interval",
        "Solid: how long the last poll took; its requests are spread over the interval, so that nearly a whole interval "
        "is normal. Dashed: the interval as configured. A solid line above it means that polls are late.",
        over_time(promql.once(COLLECTOR, chosen("liveperson_poll_duration_seconds")), "{{account}} {{collector}}"),
        over_time(
            promql.once(COLLECTOR, chosen("liveperson_poll_interval_seconds")), "{{account}} {{collector}}: interval"
        ),
        unit="dthms",
    )
    return panel.override_by_query("B", dashes())


def skipped():
    counted = f"increase({chosen('liveperson_polls_skipped_total')}[$__interval])"
    return third(
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
    return third(
        "Polls stretched",
        "Time the last poll took over its interval; above 1 polls are late: calls are slow, fail, or may not start more often.",
        over_time(chosen("liveperson_poll_stretch_ratio"), EACH),
        unit="suffix:×",
        least=None,
    )


def series():
    left_out = f"{chosen('liveperson_series_dropped')} > 0"
    return third(
        "Series served and left out",
        "Left out: beyond limits.max_series; no line while there are none.",
        over_time(chosen("liveperson_series"), EACH),
        over_time(left_out, EACH + ": left out"),
        unit="locale",
    )


def age():
    panel = third(
        "Age of the data",
        "Time since the last whole success; at stale_after (5m unless configured, dashed) the data is no longer served.",
        over_time(f"time() - {chosen('liveperson_last_success_timestamp_seconds')}", EACH),
        over_time(f"vector({texts.STALE_AFTER_SECONDS})", "stale_after, unless configured"),
        unit="dthms",
    )
    return line(panel, "B", "red", dashed=True)


def ignored():
    counted = f"increase({chosen('liveperson_api_entries_ignored_total')}[$__interval])"
    return third(
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
    return third(
        "Age of the anchors",
        "Up to when the running totals are final: LivePerson's numbers are added once its slots of 5 minutes have closed.",
        over_time(f"time() - {chosen('liveperson_totals_anchor_timestamp_seconds')}", EACH),
        unit="dthms",
        empty=texts.NEEDS_TOTALS,
    )


def losses():
    lost = f"increase({chosen('liveperson_totals_lost_seconds_total')}[$__rate_interval]) > 0"
    corrected = f"increase({chosen('liveperson_totals_corrections_total')}[$__rate_interval]) > 0"
    return third(
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
    return third(
        "Since the totals were saved",
        "Running totals are saved to --state.dir, so that a restart does not lose them. Rejected: files there that could "
        "not be used; the log says why.",
        over_time(f"time() - {chosen('liveperson_totals_saved_timestamp_seconds')}", "{{instance}} {{account}}"),
        over_time(failed, "{{instance}} {{account}}: failures"),
        over_time(rejected, "{{instance}} {{account}}: rejected files"),
        unit="dthms",
        empty=texts.NEEDS_TOTALS + ", or no --state.dir",
    )
