"""The file of alerts. Its groups go from the process over causes and data to what was promised."""

from . import causes, contact_centre, data, exporter, state, totals
from .rule import Group, group

COMMENT = """
Alerts about the exporter, about LivePerson as seen by it, and about the contact centre.

Load it with liveperson.settings.rules.yml, which holds what you may want to change, and
liveperson.recording.rules.yml. docs/runbook.md has a section for each alert.

critical pages: no replica has data of an account, or none will. warning can wait for the
morning: one replica has a fault, or something is about to. The exporter's state is looked at every
15 seconds, causes before what comes of them.
"""


def build() -> tuple[str, list[Group]]:
    health = [*state.rules(), *causes.rules(), *data.missing()]
    return COMMENT, [
        exporter.build(),
        group("health", health, interval="15s"),
        group("data", data.suspicious(), interval="1m"),
        contact_centre.build(),
        *totals.build(),
    ]
