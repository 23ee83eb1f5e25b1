import { defineConfig } from 'vite';
import react from '@vitejs/plugin-react';
import fs from 'node:fs';
import path from 'node:path';
import { dsShim } from './shim.mjs';

const here = import.meta.dirname;
const icons = path.join(here, 'node_modules/@grafana/ui/dist/public');
const statics = {
  name: 'grafana-static',
  configureServer(s) {
    s.middlewares.use((req, res, next) => {
      const m = req.url.match(/^\/public\/(?:build\/)?(img\/.*?)(\?|$)/);
      if (!m) return next();
      const f = path.join(icons, m[1]);
      if (!fs.existsSync(f)) {
        res.statusCode = 404;
        return res.end();
      }
      res.setHeader('Content-Type', 'image/svg+xml');
      fs.createReadStream(f).pipe(res);
    });
  },
};
const one = (n) => path.join(here, 'node_modules', n);

export default defineConfig({
  root: here,
  plugins: [
    react(),
    statics,
    dsShim(process.env.PROM_URL || 'http://127.0.0.1:9090', Number(process.env.SCRAPE_MS || 15000)),
  ],
  define: { 'process.env.NODE_ENV': '"development"', 'process.env': '{}', global: 'globalThis' },
  resolve: {
    alias: { 'react-router-dom-v5-compat': one('react-router-dom'), 'react-router-dom': one('react-router-dom') },
    dedupe: [
      'react',
      'react-dom',
      'rxjs',
      'lodash',
      'uplot',
      '@grafana/data',
      '@grafana/runtime',
      '@grafana/ui',
      '@grafana/schema',
      '@grafana/i18n',
    ],
  },
  server: { host: '127.0.0.1', port: Number(process.env.RENDER_PORT || 19199), strictPort: false },
});
