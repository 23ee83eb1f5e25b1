"""The dashboards by file name."""

from collections.abc import Callable

from grafana_foundation_sdk.builders.dashboard import Dashboard

ALL: dict[str, Callable[[], Dashboard]] = {}
