"""What the contact centre promised its visitors, for the windows now and for the error budget."""

from collections.abc import Callable

from ..promql import grouped, once, selector
from .expressions import UP, held_without_data, on
from .recording import BEYOND, LATE, WAITED, answered_within, p90
from .rule import Group, Rule, alert, group, record

# Fewer make a share jump, and are no reason for an alert.
FEWEST_LATE = 15
HOUR, NOW = 'window="1h"', 'window="5m"'
AUDIENCE = {"audience": "contact_centre", "board": "wallboard"}
PROMISE = ("account", "within")

TARGET = "account:liveperson_service_level_target:ratio"


def build() -> Group:
    comment = (
        "The target is set in liveperson.settings.rules.yml. Bad now and in the last hour: neither five bad\n"
        "minutes nor a bad hour that is over raise an alert."
    )
    rules = [_target(), _service_level_low(), _beyond_buckets(), _unmeasured()]
    return group("contact_centre", rules, comment=comment)


def _target() -> Rule:
    settings = "liveperson_settings:service_level:ratio"
    default, own = selector(settings, 'account=""'), selector(settings, 'account!=""')
    accounts = "0 * max by (account) (liveperson_up)"
    every = f"{accounts}\n+ on () group_left (within)\ntopk(1, {default})"
    return record(
        TARGET,
        f"{once(PROMISE, own)}\nor on (account)\n{grouped(every)}",
        "An account's own targets, otherwise that for all, of which there is one.",
    )


def _service_level_low() -> Rule:
    def bad(read: Callable[[str], str]) -> str:
        target = read(TARGET)
        below = [f"{read(selector(answered_within('account'), w))}\n< {on(PROMISE)}\n{target}" for w in (HOUR, NOW)]
        late = f"{read(selector(LATE, HOUR))} >= {FEWEST_LATE}"
        return f"\nand {on(PROMISE)}\n".join([*below, late])

    name = "ServiceLevelLow"
    return alert(
        name,
        held_without_data(name, PROMISE, bad, WAITED),
        wait="5m",
        keep="15m",
        **AUDIENCE,
        comment="Once it fires it continues while the numbers are missing, for at most 6 hours, if the last ones\n"
        "were bad, too.",
        summary="Too few chats of account {{ $labels.account }} are answered within {{ $labels.within }}.",
        description="In the last hour it was {{ $value | humanizePercentage }}, and the last five minutes are below the"
        " target as well. The wallboard shows which skills wait: move agents there, or tell visitors.",
    )


def _beyond_buckets() -> Rule:
    name = "WaitBeyondBuckets"

    def bad(read: Callable[[str], str]) -> str:
        hour, now = (f"{read(selector(p90('account'), window))} == Inf" for window in (HOUR, NOW))
        many = f"{read(selector(BEYOND, HOUR))} >= {FEWEST_LATE}"
        return once(("account",), f"{many}\nand on (account)\n{hour}\nand on (account)\n{now}")

    return alert(
        name,
        held_without_data(name, ("account",), bad, WAITED),
        wait="5m",
        keep="15m",
        **AUDIENCE,
        summary="One visitor in ten of account {{ $labels.account }} waits longer than can be measured.",
        description="{{ $value }} chats of the last hour waited longer than the last limit of sla.buckets, more than one"
        " in ten. The wallboard shows which skills wait. The 90th percentile is unknown: it is beyond that limit; a longer"
        " one in sla.buckets measures it.",
    )


def _unmeasured() -> Rule:
    measured = f"{selector(LATE, HOUR)}\nand {on(PROMISE)}\n{selector(LATE, NOW)}"
    polled = selector(UP, 'collector="sla"')
    return alert(
        "ServiceLevelUnmeasured",
        f"{TARGET}\nand on (account)\n{WAITED}\nand on (account)\n{polled} == 1\nunless {on(PROMISE)}\n{grouped(measured)}",
        wait="15m",
        **AUDIENCE,
        comment="While all is polled. A target that is no limit of a histogram would never raise an alert, without\n"
        "a sign of it.",
        summary="The target of account {{ $labels.account }} within {{ $labels.within }} cannot be measured.",
        description="Put the limit {{ $labels.within }} into sla.buckets and 5m and 1h into sla.windows, or set another"
        " target in liveperson.settings.rules.yml: until then LivePersonServiceLevelLow can never fire.",
    )
