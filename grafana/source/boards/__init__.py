"""The dashboards by file name."""

from collections.abc import Callable

from grafana_foundation_sdk.builders.dashboard import Dashboard

from . import agents, exporter, skills, waits, wallboard

ALL: dict[str, Callable[[], Dashboard]] = {
    "liveperson-agents.json": agents.build,
    "liveperson-exporter.json": exporter.build,
    "liveperson-skills.json": skills.build,
    "liveperson-waits.json": waits.build,
    "liveperson-wallboard.json": wallboard.build,
}
