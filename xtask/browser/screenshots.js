// `node screenshots.js DEMO_JSON DIR [NAME…]`: every screen of a running demo, in both themes and on a telephone, for people to look at.

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { launch } from './chromium.js';
import { screens } from './screens.js';
import { openUi } from './ui.js';

const looks = {
  light: { theme: 'light' },
  dark: { theme: 'dark' },
  narrow: { theme: 'light', width: 390, height: 844 },
};

const [demoFile, dir, ...names] = process.argv.slice(2);
const demo = JSON.parse(await readFile(demoFile, 'utf8'));
await mkdir(dir, { recursive: true });
const browser = await launch();
try {
  for (const [look, options] of Object.entries(looks)) {
    const page = await openUi(browser, demo, options);
    for (const [name, arrange] of Object.entries(screens).filter(([name]) => names.length === 0 || names.includes(name))) {
      await page.goto('');
      await screens.fleet(page);
      await arrange(page);
      await page.waitForLoadState('load');
      await page.screenshot({ path: join(dir, `${name}-${look}.png`) });
    }
    console.log(look, page.seen.errors);
    await page.context().close();
  }
} finally {
  await browser.close();
}
