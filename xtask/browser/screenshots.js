// Screenshots of a running demo, for people to look at.
//   node screenshots.js DEMO_JSON DIR [SCREEN…]   every screen, in both themes and on a telephone
//   node screenshots.js DEMO_JSON readme          the two of the README

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
const docs = new URL('../../docs/', import.meta.url).pathname;
const readme = [
  { screen: 'fleet', options: { theme: 'light', width: 1100, height: 560 }, file: join(docs, 'fleet.png') },
  { screen: 'workloads', options: { theme: 'dark', width: 1100, height: 560 }, file: join(docs, 'deployments.png') },
];

function everyScreen(dir, names) {
  const chosen = Object.keys(screens).filter((screen) => names.length === 0 || names.includes(screen));
  return Object.entries(looks).flatMap(([look, options]) =>
    chosen.map((screen) => ({ screen, options, file: join(dir, `${screen}-${look}.png`) })),
  );
}

async function take(browser, demo, { screen, options, file }) {
  const page = await openUi(browser, demo, options);
  await screens.fleet(page);
  await screens[screen](page);
  await page.screenshot({ path: file });
  page.seen.errors.forEach((error) => console.error(`${file}: ${error}`));
  await page.context().close();
}

const [demoFile, dir, ...names] = process.argv.slice(2);
const demo = JSON.parse(await readFile(demoFile, 'utf8'));
await mkdir(dir === 'readme' ? docs : dir, { recursive: true });
const browser = await launch();
try {
  for (const picture of dir === 'readme' ? readme : everyScreen(dir, names)) {
    await take(browser, demo, picture);
  }
} finally {
  await browser.close();
}
