// Stand-in for Grafana's Go back end: /api/ds/query + resource proxy. Behaviour modelled on what the front end sends.
const nice = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400].map(
  (s) => s * 1000,
);
const dur = (s) => {
  let ms = 0;
  for (const m of String(s || '').matchAll(/(\d+(?:\.\d+)?)(ms|[smhdw])/g))
    ms += +m[1] * { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 }[m[2]];
  return ms;
};
const fmt = (ms) => (ms % 1000 ? ms + 'ms' : ms / 1000 + 's');
const num = (v) => (v === '+Inf' ? 'Inf' : v === '-Inf' ? 'NegInf' : v === 'NaN' ? 'NaN' : +v);
const body = (req) =>
  new Promise((r) => {
    let b = '';
    req.on('data', (c) => (b += c));
    req.on('end', () => r(b));
  });
export function dsShim(prom, scrape = 2000) {
  const log = [];
  async function one(q, from, to) {
    const scr = dur(q.interval) || scrape,
      range = to - from;
    const raw = Math.max(q.intervalMs || range / (q.maxDataPoints || 1000), scr, range / 11000);
    const step = nice.find((n) => n >= raw) || 86400000,
      rate = Math.max(step + scr, 4 * scr);
    const sub = (e) =>
      e
        .replace(/\$\{?__rate_interval_ms\}?/g, rate)
        .replace(/\$\{?__rate_interval\}?/g, fmt(rate))
        .replace(/\$\{?__interval_ms\}?/g, step)
        .replace(/\$\{?__interval\}?/g, fmt(step))
        .replace(/\$\{?__range_ms\}?/g, range)
        .replace(/\$\{?__range_s\}?/g, Math.round(range / 1e3))
        .replace(/\$\{?__range\}?/g, Math.round(range / 1e3) + 's');
    const expr = sub(q.expr),
      inst = (q.instant && !q.range) || (q.instant && q.refId.endsWith('_Instant'));
    const p = inst
      ? { query: expr, time: to / 1e3 }
      : {
          query: expr,
          start: (Math.floor(from / step) * step) / 1e3,
          end: (Math.floor(to / step) * step) / 1e3,
          step: step / 1e3,
        };
    const r = await fetch(`${prom}/api/v1/${inst ? 'query' : 'query_range'}`, {
      method: 'POST',
      body: new URLSearchParams(p),
    });
    const j = await r.json();
    log.push({
      refId: q.refId,
      raw: q.expr,
      expr,
      step,
      inst,
      status: j.status,
      error: j.error,
      series: j.data?.result?.length,
    });
    if (j.status !== 'success') return { status: r.status, error: j.error, frames: [] };
    const rs = j.data.resultType === 'scalar' ? [{ metric: {}, value: j.data.result }] : j.data.result;
    return {
      status: 200,
      frames: rs.map((s) => {
        const vals = s.values || [s.value],
          t = vals.map((v) => v[0] * 1e3),
          ent = { NaN: [], Inf: [], NegInf: [] };
        const y = vals.map((v, i) => {
          const n = num(v[1]);
          if (typeof n === 'string') {
            ent[n].push(i);
            return null;
          }
          return n;
        });
        const { __name__, ...rest } = s.metric,
          plain =
            (__name__ || '') +
            '{' +
            Object.entries(rest)
              .map(([k, v]) => `${k}="${v}"`)
              .join(', ') +
            '}';
        const name =
          !q.legendFormat || q.legendFormat === '__auto'
            ? Object.keys(rest).length
              ? plain
              : __name__ || expr
            : q.legendFormat.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, k) => s.metric[k] ?? '');
        return {
          schema: {
            refId: q.refId,
            meta: {
              type: inst ? 'numeric-multi' : 'timeseries-multi',
              custom: { resultType: j.data.resultType },
              executedQueryString: `Expr: ${expr}\nStep: ${fmt(step)}`,
            },
            fields: [
              { name: 'Time', type: 'time', typeInfo: { frame: 'time.Time' }, config: { interval: step } },
              {
                name: 'Value',
                type: 'number',
                typeInfo: { frame: 'float64' },
                labels: s.metric,
                config: { displayNameFromDS: name },
              },
            ],
          },
          data: {
            values: [t, y],
            entities: [null, Object.fromEntries(Object.entries(ent).filter(([, a]) => a.length))],
          },
        };
      }),
    };
  }
  return {
    name: 'ds-shim',
    configureServer(s) {
      s.middlewares.use(async (req, res, next) => {
        const send = (o, c = 200) => {
          res.statusCode = c;
          res.setHeader('Content-Type', 'application/json');
          res.end(JSON.stringify(o));
        };
        try {
          if (req.url.startsWith('/api/ds/query')) {
            const b = JSON.parse(await body(req)),
              results = {};
            await Promise.all(
              b.queries.map(async (q) => {
                results[q.refId] = await one(q, +b.from, +b.to);
              }),
            );
            return send({ results }, Object.values(results).some((r) => r.error) ? 400 : 200);
          }
          const m = req.url.match(/^\/api\/datasources\/uid\/[^/]+\/resources\/(.*)$/);
          if (m) {
            const r = await fetch(`${prom}/${m[1]}`, {
              method: req.method,
              headers: req.method === 'POST' ? { 'Content-Type': 'application/x-www-form-urlencoded' } : {},
              body: req.method === 'POST' ? await body(req) : undefined,
            });
            return send(await r.json(), r.status);
          }
          if (req.url === '/__log') return send(log);
        } catch (e) {
          return send({ message: String(e) }, 500);
        }
        next();
      });
    },
  };
}
