// Checks the compressed size of the JavaScript for the first page against the budget. Starts at the built page and follows every static
// import; dynamic imports do not count.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const BUDGET = 80_000;
const root = new URL('../build', import.meta.url).pathname;
const STATIC_IMPORT = /(?:import|export)\s*(?:[\w*{][^"'()]*?from\s*)?["']([^"']+\.js)["']/g;

/** The files that a script needs before it runs. */
function importsOf(file) {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(STATIC_IMPORT)].map(([, path]) => join(dirname(file), path));
}

function closure(files, seen = new Set()) {
  for (const file of files.filter((file) => !seen.has(file))) {
    seen.add(file);
    closure(importsOf(file), seen);
  }
  return seen;
}

/** The files that the page names, the imports of its first script, and the nodes of the layout and the fleet page. */
function firstOnes() {
  const page = readFileSync(join(root, 'index.html'), 'utf8');
  const named = [...page.matchAll(/(?:src|href)="\/ui\/([^"]+\.js)"/g)].map(([, path]) => path);
  const boot = named.find((path) => path.includes('/boot.'));
  const begun = [...readFileSync(join(root, boot), 'utf8').matchAll(/import\("\.\/([^"]+)"\)/g)].map(
    ([, path]) => `_app/immutable/${path}`,
  );
  const app = readFileSync(join(root, '../.svelte-kit/generated/client-optimized/app.js'), 'utf8');
  const fleet = app.match(/"\/": \[(\d+)/)?.[1];
  const nodes = readdirSync(join(root, '_app/immutable/nodes')).filter(
    (name) => name.endsWith('.js') && ['0', fleet].includes(name.split('.')[0]),
  );
  if (begun.length !== 2 || nodes.length !== 2) {
    throw new Error('the build has another shape than this script knows');
  }
  return [...named, ...begun, ...nodes.map((name) => `_app/immutable/nodes/${name}`)].map((path) => join(root, path));
}

const files = [...closure(firstOnes())];
const sized = files.map((file) => ({ file: relative(root, file), bytes: readFileSync(`${file}.gz`).length }));
const total = sized.reduce((sum, { bytes }) => sum + bytes, 0);
if (process.argv.includes('--list')) {
  sized
    .sort((one, other) => other.bytes - one.bytes)
    .forEach(({ file, bytes }) => console.log(String(bytes).padStart(7), file));
}
console.log(
  `first load: ${(total / 1_000).toFixed(1)} kB of gzip JavaScript in ${sized.length} files; at most ${BUDGET / 1_000} kB`,
);
if (total > BUDGET) {
  console.error('That is too much: see `npm run budget -- --list`');
  process.exit(1);
}
