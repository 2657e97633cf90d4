// One page without inline scripts, so that a policy of `script-src 'self'` holds; precompressed.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import staticAdapter from '@sveltejs/adapter-static';

const inline = /<script>([\s\S]*?)<\/script>/;

/** Moves the start script out of the page, to a file named after its content. */
function moveScriptOut(dir, base) {
  const page = join(dir, 'index.html');
  const html = readFileSync(page, 'utf8');
  const script = html.match(inline)?.[1];
  if (script === undefined || html.match(new RegExp(inline, 'g'))?.length !== 1) {
    throw new Error('the page has not one inline script: adapter.js must follow SvelteKit');
  }
  const named = relocated(script, base);
  const hash = createHash('sha256').update(named).digest('hex').slice(0, 8);
  const path = `_app/immutable/boot.${hash}.js`;
  writeFileSync(join(dir, path), named);
  writeFileSync(page, html.replace(inline, `<script src="${base}/${path}"></script>`));
}

/** The script takes its folder from its own URL, since a proxy may have put another one before the base. */
function relocated(script, base) {
  return [
    // The page finds its element next to its own script, which is now an external one in the head.
    ['document.currentScript.parentElement', 'document.body.firstElementChild'],
    [`base: "${base}"`, "base: new URL('../..', document.currentScript.src).pathname.slice(0, -1)"],
    [`assets: "${base}"`, "assets: new URL('../..', document.currentScript.src).pathname.slice(0, -1)"],
    [`import("${base}/_app/immutable/entry/start.`, 'import("./entry/start.'],
    [`import("${base}/_app/immutable/entry/app.`, 'import("./entry/app.'],
  ].reduce((text, [from, to]) => {
    if (!text.includes(from)) {
      throw new Error(`the start script has no ${from}: adapter.js must follow SvelteKit`);
    }
    return text.replace(from, to);
  }, script);
}

/** The policy ignores a style attribute in a template, and only the console reports it. */
function refuseStyleAttributes(dir) {
  const scripts = readdirSync(dir, { recursive: true }).filter((name) => name.endsWith('.js'));
  for (const name of scripts) {
    const found = readFileSync(join(dir, name), 'utf8').match(/<[a-z]+[^<>`]* style="[^"]*"/);
    if (found) {
      throw new Error(`${name} has a style attribute: ${found[0]}`);
    }
  }
}

export default function adapter() {
  const pages = 'build';
  const inner = staticAdapter({ pages, fallback: 'index.html', precompress: false });
  return {
    ...inner,
    name: 'one page without inline script',
    async adapt(builder) {
      await inner.adapt(builder);
      refuseStyleAttributes(pages);
      moveScriptOut(pages, builder.config.kit.paths.base);
      await builder.compress(pages);
    },
  };
}
