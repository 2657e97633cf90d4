// `node screenshots.js DEMO_JSON DIR [NAME…]`: every screen of a running demo, in both themes and on a telephone, for people to look at.

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { launch } from './chromium.js';
import { openUi } from './ui.js';

const looks = {
  light: { theme: 'light' },
  dark: { theme: 'dark' },
  narrow: { theme: 'light', width: 390, height: 844 },
};

/** What is done before the picture is taken. */
const screens = {
  fleet: async (page) => page.getByRole('grid', { name: 'Clusters' }).getByRole('link').first().waitFor(),
  deployments: async (page) => {
    await page.goto('deployments?sort=health');
    await page.getByRole('grid', { name: 'Deployments' }).getByRole('link').first().waitFor();
  },
  'restart-proposed': async (page) => {
    await page.goto('deployments?sort=-health');
    await page.getByRole('grid', { name: 'Deployments' }).getByRole('link').first().waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('r');
    await page.getByRole('dialog').waitFor();
  },
  'add-cluster': async (page) => {
    await page.goto('?add');
    await page.getByLabel('Name').fill('prod-eu-9');
    await page.getByRole('button', { name: 'Make the command' }).click();
    await page.getByRole('button', { name: 'Copy the command' }).waitFor();
  },
  account: async (page) => page.goto('account'),
  palette: async (page) => {
    await page.keyboard.press('Control+k');
    await page.getByRole('dialog').waitFor();
  },
  keys: async (page) => {
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
  },
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
      await page.getByRole('navigation', { name: 'Main' }).waitFor();
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
