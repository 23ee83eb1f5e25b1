"""The files of rules by name: each function returns the comment at the top and the groups."""

from collections.abc import Callable

from . import alerts, recording, totals


def _recording() -> tuple[str, list[dict]]:
    comment, groups = recording.build()
    return comment, [*groups, *totals.recorded()]


ALL: dict[str, Callable[[], tuple[str, list[dict]]]] = {
    "liveperson.alerts.rules.yml": alerts.build,
    "liveperson.recording.rules.yml": _recording,
}
