"""The running totals: whether they are whole, and the error budget that they measure."""

from ..promql import call, either, grouped, once, selector
from .contact_centre import AUDIENCE, FEWEST_LATE, PROMISE, TARGET
from .expressions import OVERDUE, held_without_data, on, risen
from .recording import within
from .rule import Group, Rule, alert, group, record

BUCKET = "liveperson_account_wait_seconds_bucket"
SLA_COLLECTOR = 'collector="sla"'
BURNS_FAST, BURNS_SLOWLY = (f"account:liveperson_error_budget:burns_{speed}" for speed in ("fast", "slowly"))
# Long ranges are read less often: they cost the most and move the least.
SHORT_RANGES, LONG_RANGES = ("5m", "30m", "1h"), ("6h", "3d")


def recorded() -> list[Group]:
    short = [rule for time in SHORT_RANGES for rule in _range(time)]
    long = [rule for time in LONG_RANGES for rule in _range(time)]
    return [group("totals", [*short, *_volumes()]), group("totals_long", long, interval="2m")]


def _volumes() -> list[Rule]:
    """Of the last hour; what a longer time held is a sum of every hour's."""
    series = {
        "chats": ("account", "kind"),
        "handling_seconds": ("account", "kind"),
        "connected_engagements": ("account",),
    }
    rules = []
    for what, by in series.items():
        comment = "" if rules else "What an account did in an hour, once for all replicas."
        increase = once(by, f"increase(liveperson_account_{what}_total[1h])")
        rules.append(record(f"account:liveperson_{what}:increase1h", increase, comment))
    return rules


def late_ratio(time: str) -> str:
    return f"account:liveperson_wait_late:ratio_rate{time}"


def late_chats(time: str) -> str:
    return f"account:liveperson_wait_late_chats:increase{time}"


def _range(time: str) -> list[Rule]:
    limits = selector(BUCKET, 'le!="+Inf"')
    answered = once(("account", "within"), within(f"increase({limits}[{time}])"))
    inf = selector(BUCKET, 'le="+Inf"')
    waited = once(("account",), f"increase({inf}[{time}])")
    comment = "Chats that waited longer than each limit, and their share, from the running totals."
    return [
        record(
            late_chats(time),
            f"{waited}\n- on (account) group_right ()\n{answered}",
            comment if time == SHORT_RANGES[0] else "",
        ),
        record(late_ratio(time), f"{late_chats(time)}\n/ on (account) group_left ()\n({waited} > 0)"),
    ]


def build() -> list[Group]:
    return [group("totals_health", _health()), group("error_budget", _burn(), comment=_BURN)]


_BURN = """The error budget is what the target leaves for late chats: 20 % of them at a target of 80 %.
Burning it at a rate of 1 for 28 days uses it up. At such targets no rate can be above 5, so that
the usual factors of 14.4 and 6 could never be met: three times the budget over an hour, or twice
over six, is much too fast."""


def _burning(factor: float, long: str, short: str) -> str:
    # However low the target is, nine late chats of ten are too many.
    allowed = f"clamp_max({factor:g} * (1 - {TARGET}), 0.9)"
    pairs = [f"{late_ratio(time)}\n> {on(PROMISE)}\n{allowed}" for time in (long, short)]
    pairs.append(f"{late_chats(long)} >= {FEWEST_LATE}")
    return f"\nand {on(PROMISE)}\n".join(pairs)


def _budget(burning: str, long: str) -> str:
    """The share of late chats where the budget burns, 0 where it does not, and nothing without data.
    Counters that stand still say little: they do so in a quiet night, and when nothing is polled."""
    polled = f'{selector("liveperson_up", SLA_COLLECTOR)} == 1\nunless\n{OVERDUE}'
    known = either(polled, late_ratio("5m"))
    return f"{grouped(either(burning, f'0 * {late_chats(long)}'))}\nand on (account)\n{grouped(known)}"


def _burns(name: str, burn: str) -> str:
    def bad(read):
        return f"{read(burn)} > 0"

    return held_without_data(name, PROMISE, bad, burn)


def _burn() -> list[Rule]:
    summary = "Account {{ $labels.account }} uses up its error budget for answers within {{ $labels.within }}"
    fast = either(_burning(3, "1h", "5m"), _burning(2, "6h", "30m"))
    comment = (
        "The share of late chats while the budget burns, otherwise 0; without data nothing, so that the\n"
        "alerts can be held by what it was last."
    )
    return [
        record(BURNS_FAST, _budget(fast, "1h"), comment),
        record(BURNS_SLOWLY, _budget(_burning(1, "3d", "6h"), "3d")),
        alert(
            "ErrorBudgetBurnsFast",
            _burns("ErrorBudgetBurnsFast", BURNS_FAST),
            wait="2m",
            keep="15m",
            **(AUDIENCE | {"board": "waits"}),
            summary=f"{summary} fast.",
            description="{{ $value | humanizePercentage }} of the chats wait longer. At this rate the budget of four weeks"
            " is gone in two or less. The dashboard \"LivePerson / Queue wait and SLA\" shows since when.",
        ),
        alert(
            "ErrorBudgetBurnsSlowly",
            _burns("ErrorBudgetBurnsSlowly", BURNS_SLOWLY),
            wait="1h",
            keep="1h",
            **(AUDIENCE | {"board": "waits"}),
            summary=f"{summary}.",
            description="Over three days {{ $value | humanizePercentage }} of the chats waited longer, more than the target"
            " allows. It will not be met unless more agents answer, or the target changes.",
        ),
    ]


def _health() -> list[Rule]:
    by = ("account", "collector")
    failures = risen("liveperson_totals_save_failures_total", "30m")
    lost, corrected = (f"liveperson_totals_{what}_total" for what in ("lost_seconds", "corrections"))
    known = once(by, f"last_over_time({lost}[8d:10m] offset 1h)")
    rejected = risen("liveperson_totals_state_rejected_total", "1h")
    age = "time() - liveperson_totals_anchor_timestamp_seconds"
    return [
        alert(
            "TotalsNotSaved",
            f"{grouped(failures)} > 0",
            wait="5m",
            summary="The running totals of account {{ $labels.account }} cannot be saved.",
            description="{{ $labels.instance }} keeps them in memory and tries again; a restart now would lose what was not"
            " saved. Check that --state.dir has space and can be written; the exporter's log has the error.",
        ),
        alert(
            "TotalsBehind",
            f"{age} > 12 * 3600",
            wait="1h",
            summary="The running totals of account {{ $labels.account }}, {{ $labels.collector }}, are far behind.",
            description="On {{ $labels.instance }} their anchor is {{ $value | humanizeDuration }} old. LivePerson answers for"
            " 24 hours at most: beyond that chats are lost to the totals. If polls fail, see which other alert fires;"
            " otherwise the exporter's log says why the anchor cannot move.",
        ),
        alert(
            "TotalsLost",
            f"{once(by, lost)}\n-\n{known}\n> 0",
            keep="1h",
            comment="Kept with the totals, so that it is compared with what was known before the exporter was away.",
            summary="Running totals of account {{ $labels.account }}, {{ $labels.collector }}, have a gap.",
            description="{{ $value | humanizeDuration }} were not counted, because the exporter was away for longer than"
            " LivePerson remembers. Sums over that time are too low; nothing can bring it back.",
        ),
        alert(
            "TotalsRejected",
            f"{grouped(rejected)} > 0",
            keep="1h",
            summary="Saved running totals of account {{ $labels.account }} could not be used.",
            description="{{ $labels.instance }} renamed their file and began again with the last 24 hours: counters fall,"
            " once. The exporter's log says what is wrong with the file, and its new name.",
        ),
        alert(
            "TotalsCorrected",
            f"{once(by, call('increase', f'{corrected}[1d]'))} > 50",
            summary="LivePerson often corrects numbers of account {{ $labels.account }}, {{ $labels.collector }}, downwards.",
            description="{{ $value | humanize }} counters were held within a day because LivePerson's numbers fell. Single"
            " corrections are normal; that many make the totals a little too high for a while. Compare them with"
            " LivePerson's own reports.",
        ),
    ]
