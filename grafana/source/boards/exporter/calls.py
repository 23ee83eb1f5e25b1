"""Calls to LivePerson: how they end, how long they take, how much they bring."""

from ... import promql
from ...panels import chart, over_time
from .common import FAILED, chosen, risen, third


def failed_requests():
    counted = risen(chosen("liveperson_api_requests_total", FAILED), "$__interval")
    return chart(
        "Failed requests",
        "Requests that ended otherwise than with success, by api and code: in each bar those since the bar before.",
        (14, 13),
        over_time(f"round(sum by (api, code) {promql.call('', counted)}) > 0", "{{api}} {{code}}"),
        unit="none",
        decimals=0,
        bars=True,
        # Several scrapes for each bar, so that each failure is counted once.
        step="1m",
        empty="✔ no failed requests in the time range",
    )


def requests():
    counted = f"rate({chosen('liveperson_api_requests_total')}[$__rate_interval])"
    described = (
        "Requests to LivePerson a minute by how they ended: HTTP status, or timeout, connect, decode, too_large."
    )
    return third("Requests by code", described, over_time(f"sum by (code) ({counted}) * 60", "{{code}}"))


def failed_share():
    rate = lambda *more: f"sum by (api) (rate({chosen('liveperson_api_requests_total', *more)}[10m]))"
    shares = f"({rate(FAILED)}\nor {rate()} * 0)\n/ ({rate()} > 0)"
    return third(
        "Share of failed requests",
        "Of all requests of the api in the 10 minutes before each point.",
        over_time(shares, "{{api}}"),
        unit="percentunit",
        most=1,
    )


def backoff():
    return third(
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
    return third("Request duration", described, *queries, unit="suffix:s")


def durations_by_api():
    buckets = f"sum by (le, api) (rate({chosen('liveperson_api_request_duration_seconds_bucket')}[$__rate_interval]))"
    return third(
        "Request duration by api",
        "What 9 of 10 requests took at most, to the end of the answer; at most 30 s is known.",
        over_time(f"histogram_quantile(0.9, {buckets}) >= 0", "{{api}}"),
        unit="suffix:s",
    )


def answers():
    rate = f"sum by (api) (rate({chosen('liveperson_api_response_bytes_total')}[$__rate_interval]))"
    return third("Answers by api", "After decompression.", over_time(rate, "{{api}}"), unit="Bps")
