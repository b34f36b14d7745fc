// Builds dist/page.js and dist/page.css from page.jsx and Splunk's framework.
import { build } from 'esbuild';

const asText = ['.svg', '.png', '.woff', '.woff2'];

await build({
  entryPoints: ['page.jsx'],
  outdir: 'dist',
  bundle: true,
  minify: true,
  format: 'iife',
  target: 'chrome120',
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  loader: { '.js': 'jsx', ...Object.fromEntries(asText.map((ending) => [ending, 'dataurl'])) },
  mainFields: ['browser', 'module', 'main'],
  logLevel: 'warning',
});
