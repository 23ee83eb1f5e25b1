"""Panels, variables and links as these dashboards use them, on the builders of Grafana's own SDK."""

from dataclasses import dataclass, field

from grafana_foundation_sdk.builders import common, dashboard, heatmap, prometheus
from grafana_foundation_sdk.builders import stat, statetimeline, table, text, timeseries
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from . import texts

DATASOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")

# Never alone: a word or an icon says the same. White is readable on each, and on black each is.
GOOD, WARN, BAD, NEUTRAL = "dark-green", "dark-orange", "dark-red", "#5a5f69"
PLAIN = "text"


# Queries


def _query(expr: str, legend: str, kind: PromQueryFormat) -> prometheus.Dataquery:
    query = prometheus.Dataquery().expr(expr).legend_format(legend).format(kind)
    return query.datasource(DATASOURCE)


def now(expr: str, legend: str = "__auto") -> prometheus.Dataquery:
    """The present value; nothing where there is none any more."""
    return _query(expr, legend, PromQueryFormat.TIME_SERIES).instant()


def cells(expr: str) -> prometheus.Dataquery:
    """The present values as rows of a table."""
    return _query(expr, "__auto", PromQueryFormat.TABLE).instant()


def over_time(expr: str, legend: str) -> prometheus.Dataquery:
    return _query(expr, legend, PromQueryFormat.TIME_SERIES).range()


def buckets_over_time(expr: str) -> prometheus.Dataquery:
    return _query(expr, "{{le}}", PromQueryFormat.HEATMAP).range()


def _lettered(queries) -> list:
    return [query.ref_id(chr(ord("A") + index)) for index, query in enumerate(queries)]


# Fields


def _set(name: str, value: object) -> model.DynamicConfigValue:
    return model.DynamicConfigValue(id_val=name, value=value)


def fixed(colour: str) -> model.DynamicConfigValue:
    return _set("color", model.FieldColor(mode=model.FieldColorModeId.FIXED, fixed_color=colour))


def steps(*pairs: tuple[float | None, str]) -> dashboard.ThresholdsConfig:
    """Colours from a value on; the first has no value and also holds where there is no number."""
    config = dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE)
    return config.steps([model.Threshold(value=value, color=colour) for value, colour in pairs])


def words(pairs: dict[str, tuple[str, str]]) -> list[model.ValueMapping]:
    """Values as words: `{"1": ("up", GOOD)}`."""
    results = pairs.items()
    return [model.ValueMap(options={v: model.ValueMappingResult(text=t, color=c) for v, (t, c) in results})]


def from_on(value: float, word: str, colour: str) -> list[model.ValueMapping]:
    """A word for all values from one on."""
    result = model.ValueMappingResult(text=word, color=colour)
    options = model.DashboardRangeMapOptions(from_val=value, to=None, result=result)
    return [model.RangeMap(options=options)]


# Panels


def _placed(panel, title: str, description: str, size: tuple[int, int], queries):
    panel = panel.title(title).description(description).span(size[0]).height(size[1])
    return panel.datasource(DATASOURCE).targets(_lettered(queries)) if queries else panel


def tile(
    title: str,
    description: str,
    size: tuple[int, int],
    *queries: prometheus.Dataquery,
    unit: str = "none",
    decimals: int = 0,
    empty: str = texts.NO_DATA,
    colours: tuple[str, ...] = (),
    filled: bool = True,
    units: dict[str, tuple[str, int]] | None = None,
    sideways: bool = False,
    since_midnight: bool = False,
    leads_to: str = "",
    text_sizes: tuple[int, int] | None = None,
) -> stat.Panel:
    """One number, or a few, to be read from afar: always the present one, with its name.

    `colours` are those of the queries in turn; what a colour says, the query's legend says in words.
    `units` are those of single queries, with decimals. A click leads to the dashboard `leads_to`.
    `text_sizes` are the pixels of the name and of the number, where those that Grafana chooses for the
    longest text in the panel are too small.
    """
    panel = _placed(stat.Panel(), title, description, size, queries)
    panel.unit(unit).decimals(decimals).no_value(empty)
    panel.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.FIXED).fixed_color(PLAIN))
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
    panel.text_mode(kinds.BigValueTextMode.VALUE_AND_NAME).graph_mode(kinds.BigValueGraphMode.NONE)
    mode = kinds.BigValueColorMode.BACKGROUND_SOLID if filled and colours else kinds.BigValueColorMode.NONE
    panel.color_mode(mode).justify_mode(kinds.BigValueJustifyMode.CENTER).wide_layout(False)
    # Vertical: the values stand beside each other.
    panel.orientation(kinds.VizOrientation.VERTICAL if sideways else kinds.VizOrientation.AUTO)
    if text_sizes:
        panel.text(common.VizTextDisplayOptions().title_size(text_sizes[0]).value_size(text_sizes[1]))
    for letter, colour in zip("ABCDEFGH", colours, strict=False):
        panel.override_by_query(letter, [fixed(colour)])
    for letter, (own_unit, own_decimals) in (units or {}).items():
        panel.override_by_query(letter, [_set("unit", own_unit), _set("decimals", own_decimals)])
    if since_midnight:
        panel.time_from("now/d").hide_time_override(True)
    if leads_to:
        where = f"{texts.dashboard_path(leads_to)}?${{datasource:queryparam}}&${{account:queryparam}}"
        panel.override_by_regexp(".*", [_set("links", [{"title": "More about it", "url": where}])])
    return panel


def chart(
    title: str,
    description: str,
    size: tuple[int, int],
    *queries: prometheus.Dataquery,
    unit: str = "short",
    decimals: int | None = None,
    least: float | None = 0,
    most: float | None = None,
    empty: str = texts.NO_DATA,
    step: str | None = None,
    bars: bool = False,
    legend: str = "list",
) -> timeseries.Panel:
    """Lines over time. `step` is the least time between two points."""
    panel = _placed(timeseries.Panel(), title, description, size, queries)
    palette = dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC)
    panel.color_scheme(palette).unit(unit).no_value(empty).line_width(2).fill_opacity(60 if bars else 5)
    panel.show_points(kinds.VisibilityMode.NEVER)
    panel.draw_style(kinds.GraphDrawStyle.BARS if bars else kinds.GraphDrawStyle.LINE)
    if decimals is not None:
        panel.decimals(decimals)
    if least is not None:
        panel.min(least)
    if most is not None:
        panel.max(most)
    if step:
        panel.interval(step)
    if bars:
        panel.stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL))
    options = common.VizLegendOptions().placement(kinds.LegendPlacement.BOTTOM).show_legend(True)
    if legend == "table":
        options.display_mode(kinds.LegendDisplayMode.TABLE).placement(kinds.LegendPlacement.RIGHT)
        options.calcs(["lastNotNull"])
    else:
        options.display_mode(kinds.LegendDisplayMode.LIST).calcs([])
    panel.legend(options)
    return panel.tooltip(
        common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI).sort(kinds.SortOrder.DESCENDING)
    )


def dashes() -> list[model.DynamicConfigValue]:
    return [_set("custom.lineStyle", kinds.LineStyle(fill="dash", dash=[8, 6])), _set("custom.fillOpacity", 0)]


def line(panel, query: str, colour: str, dashed: bool = False):
    """Gives the line of a query a colour, and dashes which distinguish it without colours."""
    properties = [fixed(colour)]
    if dashed:
        properties += dashes()
    return panel.override_by_query(query, properties)


def waits_heatmap(title: str, description: str, size: tuple[int, int], expr: str, empty: str) -> heatmap.Panel:
    """How many waited how long, over time."""
    panel = _placed(heatmap.Panel(), title, description, size, [buckets_over_time(expr)])
    colours = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").fill("dark-orange")
    panel.color(colours.scale(HeatmapColorScale.EXPONENTIAL).exponent(0.5).steps(64).reverse(False))
    panel.calculate(False).cell_gap(1).filter_values(heatmap.FilterValueRange().le(1e-9))
    panel.y_axis(heatmap.YAxisConfig().unit("suffix:s").decimals(0).axis_placement(kinds.AxisPlacement.LEFT))
    panel.rows_frame(heatmap.RowsHeatmapOptions().layout(kinds.HeatmapCellLayout.AUTO))
    panel.cell_values(heatmap.CellValues().unit("short").decimals(1))
    panel.show_value(kinds.VisibilityMode.NEVER).show_legend().show_y_histogram()
    panel.mode(kinds.TooltipDisplayMode.SINGLE).exemplars_color("rgba(255,0,255,0.7)")
    return panel.no_value(empty).interval("15m")


def timeline(
    title: str, description: str, size: tuple[int, int], *queries, mappings: list[model.ValueMapping], empty: str
) -> statetimeline.Panel:
    """States over time, a row each; `mappings` has the words of the states."""
    panel = _placed(statetimeline.Panel(), title, description, size, queries)
    panel.mappings(mappings).no_value(empty).row_height(0.8).merge_values(True).line_width(0).fill_opacity(80)
    panel.show_value(kinds.VisibilityMode.AUTO).align_value(kinds.TimelineValueAlignment.LEFT)
    panel.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    legend = common.VizLegendOptions().show_legend(True).display_mode(kinds.LegendDisplayMode.LIST)
    panel.legend(legend.placement(kinds.LegendPlacement.BOTTOM).calcs([]))
    return panel.tooltip(common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.SINGLE).sort(kinds.SortOrder.NONE))


def note(title: str, size: tuple[int, int], markdown: str) -> text.Panel:
    panel = text.Panel().title(title).span(size[0]).height(size[1])
    return panel.mode("markdown").content(markdown.strip())


@dataclass
class Column:
    """A column of a table. The first column of a table has no expression: it is a label."""

    name: str
    # The label that it shows; otherwise `expr` has its numbers.
    label: str = ""
    expr: str = ""
    unit: str = "none"
    decimals: int = 0
    width: int | None = None
    # Colours from a value on, behind the number.
    steps: list[tuple[float | None, str]] = field(default_factory=list)
    mappings: list[model.ValueMapping] = field(default_factory=list)
    link: str = ""
    link_title: str = ""
    # A bar behind the number.
    bar: bool = False
    # Asked for, but not shown.
    left_out: bool = False
    # Whether the label is a number, to be sorted as one.
    numeric: bool = False
    # Whether its values can be searched.
    search: bool = False

    def overrides(self) -> list[model.DynamicConfigValue]:
        found = []
        if self.width:
            found.append(_set("custom.width", self.width))
        if self.link:
            found.append(_set("links", [{"title": self.link_title, "url": self.link}]))
        if self.label and self.search:
            # Numbers are sorted; a funnel in their headers would only take space.
            found.append(_set("custom.filterable", True))
        if self.label and not self.mappings and not self.numeric:
            return found
        if not self.label or self.numeric:
            found += [_set("unit", self.unit), _set("decimals", self.decimals)]
            found.append(_set("custom.align", kinds.FieldTextAlignment.RIGHT))
        if self.steps:
            found.append(_set("thresholds", steps(*self.steps).build()))
        if self.mappings:
            found.append(_set("mappings", self.mappings))
        if self.steps or self.mappings:
            found.append(
                _set(
                    "custom.cellOptions",
                    kinds.TableColoredBackgroundCellOptions(mode=kinds.TableCellBackgroundDisplayMode.BASIC),
                )
            )
            if not self.steps:
                found.append(_set("thresholds", steps((None, "transparent")).build()))
        elif self.bar:
            found.append(
                _set(
                    "custom.cellOptions",
                    kinds.TableBarGaugeCellOptions(
                        mode=kinds.BarGaugeDisplayMode.BASIC, value_display_mode=kinds.BarGaugeValueMode.TEXT
                    ),
                )
            )
            found += [_set("min", 0), _set("fieldMinMax", True), fixed("blue")]
        return found


def grid(
    title: str,
    description: str,
    size: tuple[int, int],
    columns: list[Column],
    *,
    sort: str,
    empty: str,
    descending: bool = True,
    paged: bool = False,
    since_midnight: bool = False,
) -> table.Panel:
    """A table with a row for each set of labels that the columns' expressions have in common."""
    numbers = [column for column in columns if column.expr]
    panel = _placed(table.Panel(), title, description, size, [cells(column.expr) for column in numbers])
    refs = {("Value" if len(numbers) == 1 else f"Value #{chr(ord('A') + i)}"): c for i, c in enumerate(numbers)}
    shown = {column.label: column for column in columns if column.label} | refs
    order = {column.name: index for index, column in enumerate(columns)}
    if len(numbers) > 1:
        panel.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    if conversions := [{"targetField": c.label, "destinationType": "number"} for c in columns if c.numeric]:
        converted = {"conversions": conversions, "fields": {}}
        panel.with_transformation(model.DataTransformerConfig(id_val="convertFieldType", options=converted))
    panel.with_transformation(
        model.DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": {"Time": True} | {source: True for source, column in shown.items() if column.left_out},
                "indexByName": {source: order[column.name] for source, column in shown.items()},
                "renameByName": {source: column.name for source, column in shown.items()},
                "includeByName": {},
            },
        )
    )
    # A number that is missing is a dash in plain text, never a 0 and never in a colour.
    panel.no_value(empty).override_by_regexp(".*", [_set("noValue", "–")])
    panel.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    panel.unit("none").thresholds(steps((None, PLAIN))).show_header(True).cell_height(kinds.TableCellHeight.SM)
    panel.filterable(False).align(kinds.FieldTextAlignment.AUTO)
    panel.cell_options(kinds.TableAutoCellOptions())
    panel.footer(common.TableFooterOptions().show(False).reducer(["sum"]).count_rows(False).enable_pagination(paged))
    panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(descending)])
    for column in columns:
        if overrides := column.overrides():
            panel.override_by_name(column.name, overrides)
    if since_midnight:
        panel.time_from("now/d").hide_time_override(True)
    return panel


# Variables


def _option(value: str) -> model.VariableOption:
    return model.VariableOption(text=value, value=value, selected=True)


def _all() -> model.VariableOption:
    return model.VariableOption(text=["All"], value=["$__all"], selected=True)


def datasource_variable() -> dashboard.DatasourceVariable:
    return dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")


def choice(name: str, label: str, description: str, values: list[str], default: str) -> dashboard.CustomVariable:
    """One of some values, or any other that is typed in."""
    variable = dashboard.CustomVariable(name).label(label).description(description)
    return variable.values(",".join(values)).current(_option(default)).allow_custom_value(True)


def asked(
    name: str,
    label: str,
    query: str,
    *,
    default: str = "",
    regex: str = "",
    sort: model.VariableSort = model.VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC,
    several: bool = False,
    all_value: str = "",
    hidden: bool = False,
) -> dashboard.QueryVariable:
    """Values from Prometheus: `label_values(...)`, or `query_result(...)` with a regex."""
    # Grafana knows `query_result(...)` on one line only.
    query = " ".join(query.split())
    kind = 3 if query.startswith("query_result(") else 1
    reference = {"query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery", "qryType": kind}
    variable = dashboard.QueryVariable(name).label(label).datasource(DATASOURCE).query(reference)
    variable.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(sort).regex(regex)
    variable.multi(several).include_all(several)
    if all_value:
        variable.all_value(all_value)
    if hidden:
        variable.hide(model.VariableHide.HIDE_VARIABLE)
    if several:
        variable.current(_all())
    elif default:
        variable.current(_option(default))
    return variable


# Dashboards


def board(name: str, title: str, description: str, *, since: str, refresh: str = "30s") -> dashboard.Dashboard:
    """An empty dashboard with the links that all have."""
    built = dashboard.Dashboard(f"LivePerson / {title}").uid(texts.uid(name)).description(description)
    built.tags([texts.TAG]).editable().timezone("browser").refresh(refresh).time(since, "now")
    built.tooltip(model.DashboardCursorSync.CROSSHAIR).preload(False)
    links = dashboard.DashboardLink("LivePerson").type(model.DashboardLinkType.DASHBOARDS)
    built.link(links.tags([texts.TAG]).icon("external link").as_dropdown(False).include_vars(True).keep_time(True))
    return built.with_variable(datasource_variable())


def number_panels(built: dashboard.Dashboard) -> dashboard.Dashboard:
    """Ids in the order of the panels, as Grafana gives them."""
    for number, panel in enumerate(built.build().panels, start=1):
        panel.id_val = number
    return built
