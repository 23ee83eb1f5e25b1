import React from 'react';
import { createRoot } from 'react-dom/client';
import { BrowserRouter } from 'react-router-dom';
import 'uplot/dist/uPlot.min.css';
import { from, map, catchError, of, startWith } from 'rxjs';
import {
  createTheme,
  ThemeContext,
  EventBusSrv,
  LoadingState,
  standardTransformersRegistry,
  getValueFormats,
} from '@grafana/data';
import { GlobalStyles, PortalContainer } from '@grafana/ui';
import { initPluginTranslations } from '@grafana/i18n';
import {
  config,
  setBackendSrv,
  setDataSourceSrv,
  setTemplateSrv,
  setPluginImportUtils,
  setRunRequest,
  setAppEvents,
  setEchoSrv,
  toDataQueryError,
  FakeEchoSrv,
} from '@grafana/runtime';
import { initializeLoggersRegistry } from '@grafana/runtime/unstable';
import { PrometheusDatasource } from '@grafana/prometheus';
import {
  EmbeddedScene,
  SceneGridLayout,
  SceneGridItem,
  SceneGridRow,
  SceneTimeRange,
  SceneVariableSet,
  QueryVariable,
  DataSourceVariable,
  ConstantVariable,
  CustomVariable,
  IntervalVariable,
  TextBoxVariable,
  VariableValueSelectors,
  SceneControlsSpacer,
  SceneTimePicker,
  SceneRefreshPicker,
  VizPanel,
  SceneQueryRunner,
  SceneDataTransformer,
  sceneGraph,
} from '@grafana/scenes';
import { plugins, initRegistries } from './panels';

const problems: any[] = [];
(window as any).__problems = problems;
const q = new URLSearchParams(location.search);
const theme = createTheme({ colors: { mode: (q.get('theme') as any) || 'dark' } });
(config as any).theme2 = theme;
(config as any).theme = theme.v1;
(config as any).bootData = (window as any).grafanaBootData;
const settings: any = {
  id: 1,
  uid: 'prom',
  name: 'Prometheus',
  type: 'prometheus',
  access: 'proxy',
  isDefault: true,
  readOnly: true,
  url: '/api/datasources/proxy/1',
  jsonData: { timeInterval: '2s', httpMethod: 'POST', prometheusType: 'Prometheus', prometheusVersion: '2.42.0' },
  meta: {
    id: 'prometheus',
    name: 'Prometheus',
    type: 'datasource',
    metrics: true,
    info: { logos: { small: '', large: '' } },
    module: '',
    baseUrl: '',
  },
};
(config as any).datasources = { Prometheus: settings };
(config as any).defaultDatasource = 'Prometheus';

async function http(o: any) {
  let url = o.url;
  const init: any = { method: o.method || 'GET', headers: { ...(o.headers || {}) } };
  if (o.params && Object.keys(o.params).length) url += (url.includes('?') ? '&' : '?') + new URLSearchParams(o.params);
  if (o.data !== undefined && init.method !== 'GET') {
    const form = Object.entries(init.headers).some(([k, v]: any) => /content-type/i.test(k) && /urlencoded/.test(v));
    if (!form) init.headers['Content-Type'] = 'application/json';
    init.body = form ? new URLSearchParams(o.data) : JSON.stringify(o.data);
  }
  const r = await fetch(url, init);
  const data = await r.json().catch(() => ({}));
  if (!r.ok && !data.results) throw { status: r.status, statusText: r.statusText, data, config: o };
  return {
    data,
    status: r.status,
    ok: r.ok,
    headers: r.headers,
    config: o,
    url,
    redirected: false,
    statusText: r.statusText,
    type: r.type,
  };
}
const bs: any = {
  fetch: (o: any) => from(http(o)),
  get: (url: string, params?: any) => http({ url, params }).then((r) => r.data),
  post: (url: string, data?: any) => http({ url, method: 'POST', data }).then((r) => r.data),
  datasourceRequest: http,
  request: (o: any) => http(o).then((r) => r.data),
  resolveCancelerIfExists() {},
};
setBackendSrv(bs);
let scene: any;
const tsrv: any = {
  getVariables: () =>
    scene
      ? scene.state.$variables.state.variables.map((v: any) => ({
          name: v.state.name,
          type: v.state.type,
          current: { value: v.getValue?.() },
        }))
      : [],
  replace: (t: any, sv: any = {}, f?: any) =>
    t == null ? '' : sceneGraph.interpolate(sv?.__sceneObject?.value?.valueOf?.() ?? scene, t, sv, f),
  containsTemplate: (t: string) => /\$\w|\[\[/.test(t || ''),
  updateTimeRange() {},
};
setTemplateSrv(tsrv);
let ds: any;
const dss: any = {
  get: async (ref: any, sv: any) => {
    const uid = typeof ref === 'string' ? ref : ref?.uid;
    const r = uid ? tsrv.replace(uid, sv) : 'prom';
    if (!['prom', 'Prometheus', 'default', ''].includes(r)) {
      problems.push({ kind: 'unknown-datasource', ref, r });
      throw new Error('unknown data source ' + r);
    }
    return ds;
  },
  getInstanceSettings: (ref: any, sv: any) => {
    const uid = typeof ref === 'string' ? ref : ref?.uid;
    const r = uid ? tsrv.replace(uid, sv) : 'prom';
    return ['prom', 'Prometheus', 'default'].includes(r) ? settings : undefined;
  },
  getList: () => [settings],
  reload() {},
};
setDataSourceSrv(dss);
setAppEvents(new EventBusSrv() as any);
setEchoSrv(new FakeEchoSrv() as any);
setPluginImportUtils({
  importPanelPlugin: async (id: string) => {
    if (!plugins[id]) {
      problems.push({ kind: 'unknown-panel-type', id });
      throw new Error('no panel plugin ' + id);
    }
    return plugins[id];
  },
  getPanelPluginFromCache: (id: string) => plugins[id],
} as any);
setRunRequest(((d: any, req: any, qf?: any) => {
  const res = qf ? qf(req) : d.query(req);
  return from(res as any).pipe(
    map((p: any) => ({
      state: p.state ?? (p.error || p.errors?.length ? LoadingState.Error : LoadingState.Done),
      series: p.data || [],
      annotations: [],
      request: req,
      timeRange: req.range,
      error: p.error,
      errors: p.errors,
    })),
    catchError((e) =>
      of({ state: LoadingState.Error, series: [], request: req, timeRange: req.range, error: toDataQueryError(e) }),
    ),
    startWith({ state: LoadingState.Loading, series: [], request: req, timeRange: req.range }),
  );
}) as any);
initializeLoggersRegistry();
initRegistries();

function variable(v: any) {
  const cur = v.current || {};
  const base = { name: v.name, label: v.label, hide: v.hide, skipUrlSync: true };
  const multi = {
    isMulti: v.multi,
    includeAll: v.includeAll,
    allValue: v.allValue || undefined,
    value: cur.value ?? (v.includeAll ? '$__all' : ''),
    text: cur.text ?? '',
    defaultToAll: v.includeAll,
  };
  switch (v.type) {
    case 'query':
      return new QueryVariable({
        ...base,
        ...multi,
        datasource: v.datasource,
        query: v.query,
        regex: v.regex,
        sort: v.sort,
        refresh: v.refresh,
      } as any);
    case 'datasource':
      return new DataSourceVariable({
        ...base,
        pluginId: v.query,
        regex: v.regex,
        value: cur.value || '',
        text: cur.text || '',
      } as any);
    case 'constant':
      return new ConstantVariable({ ...base, value: v.query });
    case 'custom':
      return new CustomVariable({ ...base, ...multi, query: v.query } as any);
    case 'interval':
      return new IntervalVariable({
        ...base,
        value: cur.value,
        intervals: v.query.split(',').map((s: string) => s.trim()),
        autoEnabled: v.auto,
        autoStepCount: v.auto_count,
        autoMinInterval: v.auto_min,
      } as any);
    case 'textbox':
      return new TextBoxVariable({ ...base, value: cur.value ?? v.query } as any);
  }
  problems.push({ kind: 'unknown-variable-type', type: v.type });
  return null;
}
function lintCustom(p: any) {
  // keys in the JSON that the panel's field-config registry does not know
  const pl = plugins[p.type];
  if (!pl) return;
  const known = new Set(pl.fieldConfigRegistry.list().map((i: any) => i.id));
  for (const k of Object.keys(p.fieldConfig?.defaults?.custom || {}))
    if (!known.has('custom.' + k)) problems.push({ kind: 'unknown-custom-key', panel: p.title, key: k });
  for (const o of p.fieldConfig?.overrides || [])
    for (const pr of o.properties)
      if (!known.has(pr.id)) problems.push({ kind: 'unknown-override', panel: p.title, key: pr.id });
}
const unitIds = () => new Set(getValueFormats().flatMap((c: any) => c.submenu.map((u: any) => u.value)));
function lintMore(p: any) {
  const u = unitIds();
  const units = [
    p.fieldConfig?.defaults?.unit,
    ...(p.fieldConfig?.overrides || []).flatMap((o: any) =>
      o.properties.filter((x: any) => x.id === 'unit').map((x: any) => x.value),
    ),
    p.options?.yAxis?.unit,
  ].filter(Boolean);
  for (const x of units)
    if (!u.has(x) && !/^(suffix|prefix|si|time|currency|count|bool):/.test(x))
      problems.push({ kind: 'unknown-unit', panel: p.title, unit: x });
  for (const t of p.transformations || [])
    if (!standardTransformersRegistry.getIfExists(t.id))
      problems.push({ kind: 'unknown-transformation', panel: p.title, id: t.id });
}
function item(p: any) {
  lintCustom(p);
  lintMore(p);
  const runner = new SceneQueryRunner({
    datasource: p.datasource,
    queries: p.targets || [],
    maxDataPoints: p.maxDataPoints,
    minInterval: p.interval,
  });
  const $data = p.transformations?.length
    ? new SceneDataTransformer({ $data: runner, transformations: p.transformations })
    : runner;
  const viz = new VizPanel({
    key: 'panel-' + p.id,
    title: p.title,
    description: p.description,
    pluginId: p.type,
    pluginVersion: p.pluginVersion,
    options: p.options || {},
    fieldConfig: p.fieldConfig || { defaults: {}, overrides: [] },
    displayMode: p.transparent ? 'transparent' : 'default',
    ...(p.timeFrom ? { $timeRange: new SceneTimeRange({ from: p.timeFrom, to: 'now' }) } : {}),
    $data: p.type === 'text' ? undefined : $data,
  } as any);
  return new SceneGridItem({
    key: 'grid-' + p.id,
    x: p.gridPos.x,
    y: p.gridPos.y,
    width: p.gridPos.w,
    height: p.gridPos.h,
    isDraggable: false,
    isResizable: false,
    body: viz,
  });
}
(async () => {
  await initPluginTranslations('grafana');
  const d = await (await fetch('/' + (q.get('d') || 'dashboard.json'))).json();
  const children: any[] = [];
  for (const p of d.panels)
    children.push(
      p.type === 'row'
        ? new SceneGridRow({
            key: 'row-' + p.id,
            title: p.title,
            isCollapsed: false,
            y: p.gridPos.y,
            children: (p.panels || []).map(item),
          })
        : item(p),
    );
  scene = new EmbeddedScene({
    $timeRange: new SceneTimeRange({
      from: q.get('from') || d.time.from,
      to: q.get('to') || d.time.to,
      timeZone: d.timezone || 'browser',
    }),
    $variables: new SceneVariableSet({ variables: (d.templating?.list || []).map(variable).filter(Boolean) }),
    controls: q.get('kiosk')
      ? []
      : [
          new VariableValueSelectors({}),
          new SceneControlsSpacer(),
          new SceneTimePicker({}),
          new SceneRefreshPicker({}),
        ],
    body: new SceneGridLayout({ children, isLazy: false } as any),
  });
  ds = new PrometheusDatasource(settings, tsrv);
  ds.meta = settings.meta;
  ds.uid = 'prom';
  (window as any).__scene = scene;
  (window as any).__state = () => {
    const out: any[] = [];
    sceneGraph
      .findAllObjects(scene, (o: any) => o instanceof VizPanel)
      .forEach((v: any) => {
        const dd = v.state.$data?.state?.data;
        out.push({
          title: v.state.title,
          type: v.state.pluginId,
          state: dd?.state,
          err: v.state._pluginLoadError || dd?.error?.message,
          errors: dd?.errors?.map((e: any) => e.message),
          frames: dd?.series?.length,
          points: dd?.series?.reduce((a: number, s: any) => a + s.length, 0),
          names: dd?.series?.slice(0, 4).flatMap((s: any) =>
            s.fields
              .filter((f: any) => f.type !== 'time')
              .slice(0, 12)
              .map((f: any) => f.config?.displayNameFromDS ?? f.name),
          ),
          frameType: dd?.series?.[0]?.meta?.type,
          noValue: v.state.fieldConfig?.defaults?.noValue,
          targets: (() => {
            const r: any = v.state.$data instanceof SceneDataTransformer ? v.state.$data.state.$data : v.state.$data;
            return (r?.state?.queries || []).filter((q: any) => !q.hide).length;
          })(),
          emptyTargets: (() => {
            const r: any = v.state.$data instanceof SceneDataTransformer ? v.state.$data.state.$data : v.state.$data;
            const have = new Set(
              (r?.state?.data?.series || [])
                .filter(
                  (s: any) =>
                    s.length &&
                    s.fields.some((f: any) => f.type === 'number' && f.values.some((x: any) => Number.isFinite(x))),
                )
                .map((s: any) => s.refId),
            );
            return (r?.state?.queries || []).filter((q: any) => !q.hide && !have.has(q.refId)).map((q: any) => q.refId);
          })(),
        });
      });
    return out;
  };
  createRoot(document.getElementById('root')!).render(
    <ThemeContext.Provider value={theme}>
      <BrowserRouter>
        <GlobalStyles isExtensionSidebarOpen={false} {...({} as any)} />
        <div
          style={{ background: theme.colors.background.canvas, padding: q.get('kiosk') ? 8 : 16, minHeight: '100vh' }}
        >
          {q.get('kiosk') ? null : <h3 style={{ color: theme.colors.text.primary }}>{d.title}</h3>}
          <scene.Component model={scene} />
        </div>
        <PortalContainer />
      </BrowserRouter>
    </ThemeContext.Provider>,
  );
})().catch((e) => {
  problems.push({ kind: 'fatal', e: String(e), stack: e?.stack });
  console.error(e);
});
window.addEventListener('error', (e) => problems.push({ kind: 'window-error', m: e.message }));
