#!/usr/bin/env node
// Draws dashboards against a running Prometheus, each theme and width, into PNGs:
//
//   render.mjs --prom URL --out DIR [--theme dark,light] [--width 1920,820] [--scrape 15s] [--kiosk wallboard]
//              [--expect served|anything] dashboard.json...
//
// Prints one JSON line per picture; exits 1 when any has a fault: a panel in error, an unknown panel type, unit, override,
// option or transformation, something that does not settle, and, unless anything is expected, a panel without a single value
// that does not say (with a "✔") that this is good.
import fs from 'node:fs';
import path from 'node:path';
import puppeteer from 'puppeteer-core';
import { createServer } from 'vite';

const defaults = {
  theme: 'dark',
  width: '1920',
  kiosk: '',
  out: '.',
  prom: 'http://127.0.0.1:9090',
  scrape: '15s',
  expect: 'served',
};
const ROW_PIXELS = 38;
const CHROMIUM_ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--force-color-profile=srgb',
];
const here = import.meta.dirname;
const shared = path.join(here, 'public');

function readArguments(given) {
  const options = { ...defaults };
  const files = [];
  for (let i = 0; i < given.length; i++) {
    if (given[i].startsWith('--')) options[given[i].slice(2)] = given[++i];
    else files.push(given[i]);
  }
  return { options, files };
}

function milliseconds(duration) {
  const unit = duration.endsWith('ms') ? 1 : duration.endsWith('m') ? 60000 : 1000;
  return parseFloat(duration) * unit;
}

/** Whether all panels have their answers: 'yes', 'fatal' or 'timeout'. */
function settled(page) {
  const within = (condition, word, timeout) =>
    page.waitForFunction(condition, { timeout }).then(
      () => word,
      () => 'timeout',
    );
  const answered = () =>
    window.__state?.().length &&
    window.__state().every((s) => s.type === 'text' || ['Done', 'Error'].includes(s.state) || s.err);
  const fatal = () => window.__problems?.some((problem) => problem.kind === 'fatal');
  return Promise.race([within(fatal, 'fatal', 90000), within(answered, 'yes', 60000)]);
}

function faultsOf(state, problems, pageErrors, expect) {
  const empty = (s) => s.targets && !s.noValue?.startsWith('✔') && s.emptyTargets?.length === s.targets;
  const inError = state.filter((s) => s.err || s.state === 'Error');
  return [
    ...problems,
    ...pageErrors.map((error) => ({ kind: 'page-error', error })),
    ...inError.map((s) => ({ kind: 'panel-error', panel: s.title, error: s.err || s.errors })),
    ...(expect === 'served' ? state.filter(empty).map((s) => ({ kind: 'no-data', panel: s.title })) : []),
  ];
}

async function draw(browser, base, options, file, theme, width) {
  const dashboard = JSON.parse(fs.readFileSync(file));
  fs.writeFileSync(path.join(shared, 'current.json'), JSON.stringify(dashboard));
  const name = path.basename(file, '.json');
  const kiosk = options.kiosk && name.includes(options.kiosk);
  const rows = Math.max(...dashboard.panels.map((panel) => panel.gridPos.y + panel.gridPos.h));
  const page = await browser.newPage();
  const pageErrors = [];
  page.on('pageerror', (error) => pageErrors.push(String(error).slice(0, 300)));
  await page.setViewport({ width, height: rows * ROW_PIXELS + (kiosk ? 24 : 140) });
  const query = new URLSearchParams({ d: 'current.json', theme, ...(kiosk ? { kiosk: '1' } : {}) });
  await page.goto(`${base}/?${query}`, { waitUntil: 'load', timeout: 240000 });
  const outcome = await settled(page);
  // Canvases and fonts are drawn after the last answer.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  const read = () => ({ state: window.__state?.() || [], problems: window.__problems });
  const { state, problems } = await page.evaluate(read);
  const png = path.join(options.out, `${name}-${theme}-${width}.png`);
  await page.screenshot({ path: png });
  await page.close();
  const faults = faultsOf(state, problems, pageErrors, options.expect);
  if (outcome !== 'yes') faults.push({ kind: 'not-settled', outcome });
  console.log(JSON.stringify({ png, panels: state.length, faults }));
  return faults.length > 0;
}

const { options, files } = readArguments(process.argv.slice(2));
process.env.PROM_URL = options.prom;
process.env.SCRAPE_MS = String(milliseconds(options.scrape));
fs.mkdirSync(shared, { recursive: true });
fs.mkdirSync(options.out, { recursive: true });
const server = await createServer({ configFile: path.join(here, 'vite.config.mjs'), logLevel: 'error' });
await server.listen();
const base = `http://127.0.0.1:${server.httpServer.address().port}`;
const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
const browser = await puppeteer.launch({ executablePath, headless: true, args: CHROMIUM_ARGUMENTS });
let bad = false;
for (const file of files)
  for (const theme of options.theme.split(','))
    for (const width of options.width.split(',').map(Number))
      bad = (await draw(browser, base, options, file, theme, width)) || bad;
await browser.close();
await server.close();
process.exit(bad ? 1 : 0);
