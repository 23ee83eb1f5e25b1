"""Events that are marked in all panels of a dashboard."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as model

from .panels import DATASOURCE


@dataclass(frozen=True)
class Event:
    """Marked where `expr` has a value of at least 1; `title` may name labels as `{{label}}`."""

    name: str
    colour: str
    expr: str
    title: str


class _PrometheusAnnotation(model.AnnotationQuery):
    """The SDK's annotation has no fields of the data source; the title is one of Prometheus's."""

    title_format: str = ""

    def to_json(self) -> dict[str, object]:
        return super().to_json() | {"titleFormat": self.title_format, "step": "1m"}


def with_events(built: dashboard.Dashboard, events: list[Event]) -> dashboard.Dashboard:
    found = []
    for event in events:
        annotation = _PrometheusAnnotation(
            name=event.name, datasource=DATASOURCE, enable=True, icon_color=event.colour, expr=event.expr
        )
        annotation.title_format = event.title
        found.append(annotation)
    built.build().annotations = model.AnnotationContainer(list_val=found)
    return built
