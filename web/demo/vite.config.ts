/* The demo site: five static pages that work under any path and, after the first visit, without a network. */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { defineConfig, type Plugin } from 'vite';

const here = import.meta.dirname;
const pages = readdirSync(here).filter((f) => f.endsWith('.html'));

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((f) => (f.isDirectory() ? filesUnder(join(folder, f.name)) : [join(folder, f.name)]));
}

/** Puts the list of all files, and a version made of their contents, into the service worker. */
function offline(): Plugin {
  return {
    name: 'offline',
    apply: 'build',
    closeBundle() {
      const out = join(here, 'dist'), worker = join(out, 'sw.js');
      const files = filesUnder(out).filter((f) => f !== worker && !f.endsWith('.map'));
      const hash = createHash('sha256');
      for (const f of files) hash.update(f).update(readFileSync(f));
      const list = files.map((f) => relative(out, f).replaceAll('\\', '/'));
      const isLater = (f: string): boolean => /quern-(threads|full)[^/]*\.wasm$/.test(f); // isolated pages, and models with rare operators
      const text = readFileSync(worker, 'utf8').replace('["__FILES__"]', JSON.stringify(list.filter((f) => !isLater(f)))).replace('["__LATER__"]', JSON.stringify(list.filter(isLater))).replace('__VERSION__', hash.digest('hex').slice(0, 12));
      writeFileSync(worker, text);
    },
  };
}

export default defineConfig({
  root: here,
  base: './',
  resolve: { alias: { quern: join(here, '../dist/quern.js') } },
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    rollupOptions: { input: pages.map((p) => join(here, p)) },
  },
  plugins: [offline()],
});
