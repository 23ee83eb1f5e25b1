"""Why a collector is down: one alert for each cause, by replica, before the data is missing."""

from ..promql import call, either, grouped, selector, summed
from .expressions import API_OVERDUE, API_UP, FAILURES, REPLICA_API, grown, on
from .rule import Rule, alert, record

REFUSED = "replica_api:liveperson_credentials:refused"
ANSWERED = "account_api:liveperson_api_answered:increase90s"
THROTTLED = "replica_account:liveperson_api_throttled:increase20m"
REPLICA_ACCOUNT = ("job", "instance", "account")

# What on-call people want to see beside missing data.
NAMES = ("CredentialsRefused", "Unreachable", "Failing", "AnswersUnusable", "RequestsRejected", "Throttled")


def _failed(more_than: float, *matchers: str) -> str:
    return f"{summed(REPLICA_API, selector(FAILURES, *matchers))} > {more_than:g}"


def _while_overdue(failures: str) -> str:
    if "\nor\n" in failures:
        failures = grouped(failures)
    return f"{failures}\nand {on(REPLICA_API)}\n{API_OVERDUE}"


def rules() -> list[Rule]:
    return [*_credentials(), *_network(), *_answers(), *_throttling()]


def _credentials() -> list[Rule]:
    data = 'api!~"token|domain"'
    unauthorised = summed(REPLICA_API, selector(FAILURES, data, 'code="401"'))
    others_failed = summed(REPLICA_API, selector(FAILURES, data, 'code!~"401|429"'))
    refused = either(
        f"{unauthorised} > 1.5\nunless\n{others_failed}\n>=\n{unauthorised}",
        _failed(0, data, 'code="403"'),
        # Token services say 400 to a client id that they do not know.
        _failed(0, 'api="token"', 'code=~"4.."', 'code!="429"'),
    )
    others = f"max by (account, api) ({API_UP})"
    # Not increase(): with a scrape a minute it would see one sample, and nothing.
    answered = selector("liveperson_api_requests_total", 'code=~"2.."')
    any_answered = summed(("account", "api"), grown(answered, "90s")) + " > 0"
    text = {
        "wait": "30s",
        "summary": "LivePerson refuses the credentials of account {{ $labels.account }}.",
    }
    advice = (
        " Check in LivePerson that the API key or user is enabled and may read engagement activity and SLA data,"
        " and put the new secret into its file, which is read again by itself; `liveperson_exporter test-connection`"
        " says what exactly is refused."
    )
    return [
        record(
            REFUSED,
            f"{grouped(refused)}\nand {on(REPLICA_API)}\n{API_UP} == 0",
            "A token that ran out is refused by every call under way, and replaced: one 401 is not enough, nor\n"
            "are some beside as many other failures. 403 is never retried.",
        ),
        record(ANSWERED, any_answered, "Calls that succeeded in the last minute and a half, of any replica."),
        alert(
            "CredentialsRefused",
            f"max by (account, api) ({REFUSED})\nand on (account, api)\n{others} == 0\nunless on (account, api)\n{ANSWERED}",
            **text,
            severity="critical",
            comment="No replica gets data, and none will until the credentials are put right.",
            description="Requests to {{ $labels.api }} are refused, for every exporter." + advice,
        ),
        alert(
            "CredentialsRefused",
            f"{REFUSED}\nand on (account, api)\n{grouped(either(f'{others} == 1', ANSWERED))}",
            # For longer than a success counts that came before a key was revoked.
            wait="2m",
            summary=text["summary"],
            comment="What others are answered is served: no reason for a page.",
            description="Requests of {{ $labels.instance }} to {{ $labels.api }} are refused while others are"
            " answered. If another replica is served, compare their credentials. If it is some requests only, named in"
            " the exporter's log, a skill, agent or group is often not permitted." + advice,
        ),
    ]


def _network() -> list[Rule]:
    return [
        alert(
            "Unreachable",
            _while_overdue(_failed(1.5, 'code=~"connect|timeout"')),
            wait="1m",
            summary="LivePerson cannot be reached for account {{ $labels.account }}.",
            description="Requests of {{ $labels.instance }} to {{ $labels.api }} end without an answer. On its host check"
            " DNS, firewall, proxy and certificates, for instance with `curl -v https://api.liveperson.net`.",
        ),
    ]


def _answers() -> list[Rule]:
    rejected = either(
        _failed(0, 'api!~"token|domain"', 'code=~"4.."', 'code!~"401|403|429"'),
        _failed(0, 'api="domain"', 'code=~"4.."', 'code!="429"'),
    )
    return [
        alert(
            "Failing",
            _while_overdue(_failed(1.5, 'code=~"5.."')),
            wait="1m",
            summary="LivePerson fails for account {{ $labels.account }}.",
            description="{{ $labels.api }} answers {{ $labels.instance }} with 5xx. The exporter keeps trying by itself."
            " Look at LivePerson's status page and open a case if it shows nothing.",
        ),
        alert(
            "AnswersUnusable",
            _while_overdue(_failed(0, 'code=~"3..|decode|too_large"')),
            wait="1m",
            summary="Answers for account {{ $labels.account }} are not LivePerson's, or too large.",
            description="{{ $labels.instance }} cannot use the answers of {{ $labels.api }}: a proxy or a sign-in page"
            " answers in LivePerson's place (code 3xx or decode), or they are longer than limits.max_response_bytes"
            " (too_large). The exporter's log shows what came.",
        ),
        alert(
            "RequestsRejected",
            _while_overdue(rejected),
            wait="1m",
            summary="LivePerson rejects requests of account {{ $labels.account }} as wrong.",
            description="Requests of {{ $labels.instance }} to {{ $labels.api }} are answered with 4xx and are not tried"
            " again. Often the account id is wrong or a skill, agent or group in the configuration is gone; the"
            " exporter's log names the request.",
        ),
    ]


def _throttling() -> list[Rule]:
    overdue = f"min by ({', '.join(REPLICA_ACCOUNT)}) ({API_OVERDUE})"
    lasting = f"min_over_time({THROTTLED}[30m]) > 0\nand\n{THROTTLED} offset 30m > 0"
    return [
        record(THROTTLED, summed(REPLICA_ACCOUNT, selector(FAILURES, 'code="429"'))),
        alert(
            "Throttled",
            either(f"{THROTTLED} > 0\nand {on(REPLICA_ACCOUNT)}\n{overdue}", grouped(lasting)),
            wait="1m",
            comment="At once when polls fail for it, otherwise when it lasts for half an hour.",
            summary="LivePerson throttles account {{ $labels.account }}.",
            description="{{ $labels.instance }} was answered with 429 {{ $value | humanize }} times in twenty minutes. It"
            " slows down by itself, and its data grows older. Lengthen interval, name fewer skills and groups, set"
            " limits.max_in_flight to 1, and look for other clients of the same account.",
        ),
        alert(
            "Slow",
            f"{_slowest()} > 5",
            wait="15m",
            summary="LivePerson answers account {{ $labels.account }} slowly.",
            description="One request in ten to {{ $labels.api }} takes longer than {{ $value | humanizeDuration }}."
            " Polls may be late. If it comes from large answers, name fewer agents or set skill_agents to false;"
            " otherwise ask LivePerson.",
        ),
    ]


def _slowest() -> str:
    apis = 'api!~"token|domain|names"'
    rate = f"rate({selector('liveperson_api_request_duration_seconds_bucket', apis)}[15m])"
    return call("histogram_quantile", "0.9", summed(("account", "api", "le"), rate))
