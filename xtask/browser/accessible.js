// Accessibility violations that axe finds on a page, by the rules of WCAG 2.2 AA.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** Each violation as `rule: the elements`, of the page as it looks once its transitions have ended. */
export async function violations(page) {
  // A colour halfway between two states has a contrast that nobody reads.
  await page.waitForFunction(() => document.getAnimations().every(({ playState }) => playState !== 'running'));
  // Not as a script of the page, which its policy would refuse.
  await page.evaluate(source);
  const found = await page.evaluate(
    (tags) => globalThis.axe.run(document, { runOnly: tags, resultTypes: ['violations'] }),
    tags,
  );
  return found.violations.map(
    ({ id, help, nodes }) =>
      `${id} (${help}): ${nodes.map(({ html, any }) => `${html} ${any[0]?.message ?? ''}`).join(' | ')}`,
  );
}
