import React from 'react';
import {
  PanelPlugin,
  PanelProps,
  getFieldDisplayValues,
  FieldType,
  identityOverrideProcessor,
  standardFieldConfigEditorRegistry,
  standardTransformers,
  standardTransformersRegistry,
  displayNameOverrideProcessor,
  unitOverrideProcessor,
  numberOverrideProcessor,
  stringOverrideProcessor,
  valueMappingsOverrideProcessor,
  thresholdsOverrideProcessor,
  dataLinksOverrideProcessor,
  booleanOverrideProcessor,
  renderTextPanelMarkdown,
  getDisplayProcessor,
  VizOrientation,
  getDisplayValueAlignmentFactors,
  outerJoinDataFrames,
  getValueFormat,
  cacheFieldDisplayNames,
} from '@grafana/data';
import {
  TimeSeries,
  TooltipPlugin2,
  BigValue,
  BarGauge,
  VizRepeater,
  UPlotChart,
  UPlotConfigBuilder,
  useTheme2,
  FIXED_UNIT,
} from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { ScaleOrientation, ScaleDirection, AxisPlacement, ScaleDistribution } from '@grafana/schema';
import {
  interpolateOranges,
  interpolateSpectral,
  interpolateViridis,
  interpolateTurbo,
  interpolateBlues,
} from 'd3-scale-chromatic';
import { Timeline } from './timeline';
import * as Heat from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import * as StatCfg from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import * as TableCfg from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import * as BarCfg from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';

const E: any = () => null;
const std = (id: string, process: any, extra: any = {}) => ({
  id,
  path: id,
  name: id,
  editor: E,
  override: E,
  process,
  settings: {},
  shouldApply: () => true,
  ...extra,
});
export function initRegistries() {
  standardFieldConfigEditorRegistry.setInit(
    () =>
      [
        std('displayName', displayNameOverrideProcessor),
        std('unit', unitOverrideProcessor),
        std('min', numberOverrideProcessor),
        std('max', numberOverrideProcessor),
        std('decimals', numberOverrideProcessor),
        std('noValue', stringOverrideProcessor),
        std('color', identityOverrideProcessor),
        std('thresholds', thresholdsOverrideProcessor, {
          defaultValue: {
            mode: 'absolute',
            steps: [
              { value: -Infinity, color: 'green' },
              { value: 80, color: 'red' },
            ],
          },
        }),
        std('mappings', valueMappingsOverrideProcessor, { defaultValue: [] }),
        std('links', dataLinksOverrideProcessor),
        std('filterable', booleanOverrideProcessor),
        std('fieldMinMax', booleanOverrideProcessor),
        std('actions', identityOverrideProcessor),
      ] as any,
  );
  standardTransformersRegistry.setInit(() =>
    Object.values(standardTransformers)
      .filter((t, i, a) => a.findIndex((x) => x.id === t.id) === i)
      .map(
        (t: any) =>
          ({ id: t.id, editor: E, transformation: async () => t, name: t.name, description: t.description }) as any,
      ),
  );
}
const custom = (defs: Record<string, any>) => (b: any) => {
  for (const [path, defaultValue] of Object.entries(defs))
    b.addCustomEditor({
      id: path,
      path,
      name: path,
      editor: E,
      override: E,
      process: identityOverrideProcessor,
      shouldApply: (f: any) => !(path.startsWith('axis') && (f.type === FieldType.time || f.type === FieldType.string)),
      defaultValue,
    });
};
const graph = {
  drawStyle: 'line',
  lineInterpolation: 'linear',
  lineWidth: 1,
  fillOpacity: 0,
  gradientMode: 'none',
  lineStyle: { fill: 'solid' },
  spanNulls: false,
  insertNulls: false,
  showPoints: 'auto',
  pointSize: 5,
  showValues: false,
  stacking: { mode: 'none', group: 'A' },
  barAlignment: 0,
  barWidthFactor: 0.6,
  barMaxWidth: undefined,
  axisPlacement: 'auto',
  axisLabel: '',
  axisWidth: undefined,
  axisSoftMin: undefined,
  axisSoftMax: undefined,
  axisGridShow: undefined,
  axisBorderShow: false,
  axisCenteredZero: false,
  axisColorMode: 'text',
  scaleDistribution: { type: 'linear' },
  hideFrom: { tooltip: false, viz: false, legend: false },
  thresholdsStyle: { mode: 'off' },
  fillBelowTo: undefined,
  transform: undefined,
};
const table = {
  align: 'auto',
  cellOptions: { type: 'auto' },
  inspect: false,
  width: undefined,
  minWidth: undefined,
  filterable: undefined,
  hideFrom: undefined,
  wrapHeaderText: false,
  footer: undefined,
  tooltip: undefined,
};

const Empty = ({ p }: { p: PanelProps<any> }) => (
  <div
    data-check="no-data"
    style={{
      display: 'flex',
      height: '100%',
      alignItems: 'center',
      justifyContent: 'center',
      textAlign: 'center',
      padding: 8,
    }}
  >
    {p.fieldConfig.defaults.noValue || 'No data'}
  </div>
);

function TS(p: PanelProps<any>) {
  if (!p.data.series.length) return <Empty p={p} />;
  return (
    <TimeSeries
      frames={p.data.series}
      structureRev={p.data.structureRev}
      timeRange={p.timeRange}
      timeZone={p.timeZone}
      width={p.width}
      height={p.height}
      legend={p.options.legend}
      options={p.options}
    />
  );
}
function useValues(p: PanelProps<any>) {
  const theme = useTheme2();
  return getFieldDisplayValues({
    fieldConfig: p.fieldConfig,
    reduceOptions: p.options.reduceOptions,
    replaceVariables: p.replaceVariables,
    theme,
    data: p.data.series,
    sparkline: p.options.graphMode !== 'none',
    timeZone: p.timeZone,
  } as any);
}
function Stat(p: PanelProps<any>) {
  const theme = useTheme2();
  const vals = useValues(p);
  if (!p.data.series.length) return <Empty p={p} />;
  return (
    <VizRepeater
      getValues={() => vals}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      width={p.width}
      height={p.height}
      source={p.data}
      itemSpacing={3}
      renderCounter={p.renderCounter}
      autoGrid
      orientation={p.options.orientation || VizOrientation.Auto}
      renderValue={({ value, alignmentFactors, width, height, count }: any) => {
        let sp = value.sparkline;
        if (sp) sp.timeRange = p.timeRange;
        return (
          <BigValue
            value={value.display}
            count={count}
            sparkline={sp}
            colorMode={p.options.colorMode}
            graphMode={p.options.graphMode}
            justifyMode={p.options.justifyMode}
            textMode={p.options.textMode}
            alignmentFactors={alignmentFactors}
            text={p.options.text}
            width={width}
            height={height}
            theme={theme}
            wideLayout={p.options.wideLayout}
          />
        );
      }}
    />
  );
}
function Bar(p: PanelProps<any>) {
  const theme = useTheme2();
  const vals = useValues(p);
  if (!p.data.series.length) return <Empty p={p} />;
  return (
    <VizRepeater
      getValues={() => vals}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      width={p.width}
      height={p.height}
      source={p.data}
      itemSpacing={10}
      renderCounter={p.renderCounter}
      orientation={p.options.orientation || VizOrientation.Auto}
      renderValue={({ value, alignmentFactors, width, height, orientation }: any) => {
        const { field, display, view, colIndex } = value;
        return (
          <BarGauge
            value={display}
            width={width}
            height={height}
            orientation={orientation}
            field={field}
            text={p.options.text}
            display={view?.getFieldDisplayProcessor(colIndex)}
            theme={theme}
            itemSpacing={10}
            lcdCellWidth={12}
            displayMode={p.options.displayMode}
            alignmentFactors={alignmentFactors}
            showUnfilled={p.options.showUnfilled}
            valueDisplayMode={p.options.valueMode}
            namePlacement={p.options.namePlacement}
          />
        );
      }}
    />
  );
}
function Tbl(p: PanelProps<any>) {
  React.useMemo(() => cacheFieldDisplayNames(p.data.series), [p.data.series]);
  const frame = p.data.series[p.options.frameIndex || 0];
  if (!frame || !frame.length) return <Empty p={p} />;
  return (
    <TableNG
      data={frame}
      width={p.width}
      height={p.height}
      noHeader={!p.options.showHeader}
      sortBy={p.options.sortBy}
      cellHeight={p.options.cellHeight}
      fieldConfig={p.fieldConfig}
      structureRev={p.data.structureRev}
      timeRange={p.timeRange}
    />
  );
}
// Not Grafana's heatmap panel (that one is not on npm): our cells on Grafana's uPlot wrapper; the frame is Grafana's own (heatmap-rows).
const schemes: any = {
  Oranges: interpolateOranges,
  Spectral: interpolateSpectral,
  Viridis: interpolateViridis,
  Turbo: interpolateTurbo,
  Blues: interpolateBlues,
};
function HeatPanel(p: PanelProps<any>) {
  const theme = useTheme2();
  const f = p.data.series.find((s) => s.meta?.type === 'heatmap-rows');
  const key = `${f?.length}-${p.width}-${p.height}`;
  const built = React.useMemo(() => {
    if (!f) return null;
    const time = f.fields.find((x) => x.type === FieldType.time)!,
      rows = f.fields.filter((x) => x.type === FieldType.number);
    const step = (time.config.interval as number) || 1000,
      max = Math.max(...rows.map((r) => Math.max(...r.values.filter((v: any) => Number.isFinite(v)))));
    const c = p.options.color,
      pal = schemes[c.scheme] || interpolateOranges,
      rev = c.reverse !== theme.isDark && true;
    const le = rows.map((r) => r.config.displayNameFromDS ?? r.name),
      yf = getValueFormat(p.options.yAxis?.unit || 'short');
    const b = new UPlotConfigBuilder(p.timeZone as any);
    b.addScale({
      scaleKey: 'x',
      isTime: true,
      orientation: ScaleOrientation.Horizontal,
      direction: ScaleDirection.Right,
      range: () => [p.timeRange.from.valueOf(), p.timeRange.to.valueOf()],
    });
    b.addScale({
      scaleKey: FIXED_UNIT,
      isTime: false,
      orientation: ScaleOrientation.Vertical,
      direction: ScaleDirection.Up,
      distribution: ScaleDistribution.Linear,
      range: () => [0, rows.length],
    });
    b.addAxis({ scaleKey: 'x', isTime: true, placement: AxisPlacement.Bottom, theme, timeZone: p.timeZone });
    b.addAxis({
      scaleKey: FIXED_UNIT,
      isTime: false,
      placement: AxisPlacement.Left,
      theme,
      splits: () => rows.map((_, i) => i + 1),
      values: (_u: any, s: number[]) =>
        s.map((v) => {
          const x = le[v - 1];
          if (x === '+Inf' || x === undefined) return '+Inf';
          const o = yf(+x, p.options.yAxis?.decimals);
          return (o.prefix || '') + o.text + (o.suffix || '');
        }),
    } as any);
    b.addSeries({
      scaleKey: FIXED_UNIT,
      theme,
      show: true,
      drawStyle: 'line' as any,
      lineWidth: 0,
      pathBuilder: ((u: any) => {
        rows.forEach((r, ri) => {
          for (let i = 0; i < f.length; i++) {
            const v = r.values[i];
            if (!(v > (p.options.filterValues?.le ?? 1e-9))) continue;
            const x0 = u.valToPos(time.values[i] - step, 'x', true),
              x1 = u.valToPos(time.values[i], 'x', true),
              y0 = u.valToPos(ri + 1, FIXED_UNIT, true),
              y1 = u.valToPos(ri, FIXED_UNIT, true);
            let k = c.scale === 'linear' ? v / max : Math.pow(v / max, c.exponent ?? 0.5);
            if (rev) k = 1 - k;
            u.ctx.fillStyle = pal(k);
            const xl = Math.max(x0, u.bbox.left);
            if (x1 > xl)
              u.ctx.fillRect(
                xl,
                y0,
                Math.max(1, x1 - xl - p.options.cellGap),
                Math.max(1, y1 - y0 - p.options.cellGap),
              );
          }
        });
        return null;
      }) as any,
    } as any);
    return { b, data: [time.values, time.values.map(() => rows.length)] as any };
  }, [key]);
  if (!f || !built) return <Empty p={p} />;
  return <UPlotChart config={built.b} data={built.data} width={p.width} height={p.height} />;
}
const Txt = (p: PanelProps<any>) => (
  <div
    className="markdown-html"
    style={{ overflow: 'hidden', height: p.height }}
    dangerouslySetInnerHTML={{ __html: renderTextPanelMarkdown(p.replaceVariables(p.options.content || '')) }}
  />
);
const reduceDefaults = { values: false, calcs: ['lastNotNull'], fields: '' };
const opts = (d: any) => (b: any) => {
  for (const [path, defaultValue] of Object.entries(d))
    b.addCustomEditor({ id: path, path, name: path, editor: E, defaultValue });
};
const mk = (id: string, C: any, o: any, fc?: any) => {
  const pl: any = new PanelPlugin(C).setPanelOptions(opts(o));
  pl.useFieldConfig(fc ? { useCustomConfig: custom(fc) } : {});
  pl.meta = { id, name: id, info: {}, module: '', baseUrl: '', sort: 1 };
  return pl as PanelPlugin;
};
export const plugins: Record<string, PanelPlugin> = {
  text: mk('text', Txt, { mode: 'markdown', content: '' }),
  timeseries: mk(
    'timeseries',
    TS,
    {
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
      tooltip: { mode: 'single', sort: 'none' },
    },
    graph,
  ),
  stat: mk('stat', Stat, { ...StatCfg.defaultOptions, reduceOptions: reduceDefaults, orientation: 'auto' }),
  bargauge: mk('bargauge', Bar, { ...BarCfg.defaultOptions, reduceOptions: reduceDefaults, orientation: 'auto' }),
  table: mk('table', Tbl, TableCfg.defaultOptions, table),
  'state-timeline': mk(
    'state-timeline',
    (p: any) => (p.data.series.length ? <Timeline {...p} /> : <Empty p={p} />),
    { showValue: 'auto', rowHeight: 0.9, mergeValues: true, alignValue: 'left', legend: {}, tooltip: {} },
    { lineWidth: 0, fillOpacity: 70, hideFrom: undefined },
  ),
  heatmap: mk(
    'heatmap',
    HeatPanel,
    { ...Heat.defaultOptions, yAxis: {}, rowsFrame: {} },
    { hideFrom: undefined, scaleDistribution: { type: 'linear' } },
  ),
};
