// No accidental changes: by a key that was meant for something else, on a row that is not visible, or by a forgotten tab.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launch } from './chromium.js';
import { eventually, signIn, startDemo } from './demo.js';
import { focused, openUi } from './ui.js';

/** Additional latency of each response, in milliseconds. */
const LATENCIES = [0, 100, 500];

/** Every letter that is a shortcut somewhere. */
const LETTERS = [...'revxrlijrws'];

let demo;
let browser;

before(async () => {
  demo = await startDemo('--clusters', '2', '--namespaces', '3', '--deployments', '30');
  browser = await launch();
});

after(async () => {
  await browser?.close();
  const stopped = await demo?.stop();
  assert.equal(stopped?.code, 0, stopped?.output);
});

const grid = (page) => page.getByRole('grid', { name: 'Workloads' });

async function open(t, options) {
  const page = await openUi(browser, demo, options);
  t.after(() => page.context().close());
  page.changes = [];
  page.on('request', (request) => {
    if (request.method() !== 'GET' && !request.url().endsWith('/login')) page.changes.push(request.url());
  });
  // In an order that does not change after a restart, without the paused one, which cannot be restarted.
  await page.goto('workloads?sort=name&q=health:healthy,progressing,degraded,failed');
  await grid(page).getByRole('row').nth(1).waitFor();
  return page;
}

async function slowDown(page, latency) {
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  await session.send('Network.emulateNetworkConditions', { offline: false, latency, downloadThroughput: -1, uploadThroughput: -1 });
}

/** As fast as a keyboard can: no key waits for the effect of the one before it. */
async function typeFast(page, typed) {
  for (const key of typed) await page.keyboard.press(key);
}

/** Selects the first rows of the table. */
async function select(page, count) {
  for (let row = 0; row < count; row += 1) {
    await page.keyboard.press('j');
    await page.locator(`[data-index="${row}"]:focus`).waitFor();
    await page.keyboard.press('x');
  }
  await page.getByText(`${count} selected`).waitFor();
}

const overlays = {
  'Ctrl-K': async (page) => {
    await page.keyboard.press('Control+k');
    await typeFast(page, LETTERS);
    const box = page.getByRole('combobox');
    await focused(box);
    assert.equal(await box.inputValue(), LETTERS.join(''));
  },
  '/': async (page) => {
    await page.keyboard.press('/');
    await typeFast(page, [...LETTERS, 'Enter']);
    await focused(page.getByRole('searchbox'));
  },
  '?': async (page) => {
    await page.keyboard.press('?');
    await typeFast(page, LETTERS);
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
  },
  'the dialog of a restart': async (page) => {
    await page.keyboard.press('j');
    await page.locator('[role=row]:focus').waitFor();
    await page.keyboard.press('r');
    await typeFast(page, LETTERS);
    await focused(page.getByRole('dialog').getByRole('button', { name: 'Cancel' }));
    await typeFast(page, [...LETTERS, 'Enter']);
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  },
};

for (const [name, typeInto] of Object.entries(overlays)) {
  for (const latency of LATENCIES) {
    test(`${name} and fast typing at ${latency} ms of latency change nothing`, async (t) => {
      const page = await open(t);
      await slowDown(page, latency);
      await typeInto(page);
      await page.keyboard.press('Escape');
      assert.deepEqual(page.changes, []);
      assert.deepEqual(page.seen.errors, []);
    });
  }
}

test('a key acts only on the row that has the focus', async (t) => {
  const page = await open(t);
  await typeFast(page, ['r', 'x']);
  await page.keyboard.press('j');
  const first = page.locator('[data-index="0"]:focus');
  await first.waitFor();
  assert.equal(await page.getByRole('dialog').count(), 0);
  assert.equal(await page.getByText(/^\d+ selected$/).count(), 0);
  const name = (await first.getByRole('link').first().innerText()).trim();
  await page.keyboard.press('r');
  const dialog = page.getByRole('dialog', { name: `Restart ${name}?` });
  await dialog.getByText(/cluster-[ab] \/ /).waitFor();
  await page.keyboard.press('Enter');
  await dialog.waitFor({ state: 'detached' });
  assert.deepEqual(page.changes, []);
});

test('the second click of a double click confirms nothing', async (t) => {
  const page = await open(t);
  await page.keyboard.press('j');
  await page.locator('[role=row]:focus').waitFor();
  await page.keyboard.press('r');
  const confirm = page.getByRole('dialog').getByRole('button', { name: /^Restart / });
  await confirm.evaluate((button) => button.dispatchEvent(new MouseEvent('click', { bubbles: true, detail: 2 })));
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.deepEqual(page.changes, []);
});

test('an overlay that cannot be loaded says so, and releases the keys', async (t) => {
  const page = await openUi(browser, demo);
  t.after(() => page.context().close());
  // Before the page is loaded: a request right after `route` may not be intercepted yet.
  let isCut = false;
  await page.route(/\/_app\/immutable\//, (route) => (isCut ? route.abort() : route.continue()));
  await page.goto('workloads');
  await grid(page).getByRole('row').nth(1).waitFor();
  isCut = true;
  await page.keyboard.press('Control+k');
  const failed = page.getByRole('alertdialog', { name: 'Not loaded' });
  await focused(failed.getByRole('button', { name: 'Close' }));
  await page.keyboard.press('Enter');
  await failed.waitFor({ state: 'detached' });
  await page.keyboard.press('j');
  await page.locator('[role=row]:focus').waitFor();
});

test('a part of the page that cannot be loaded says so, and the rest goes on', async (t) => {
  const page = await openUi(browser, demo);
  t.after(() => page.context().close());
  // The strip of one's own runs, which is on every page.
  await page.route(/\/_app\/immutable\/.*\.js/, async (route) => {
    const response = await route.fetch();
    await ((await response.text()).includes('Your runs') ? route.abort() : route.fulfill({ response }));
  });
  await page.goto('workloads');
  await page.getByRole('alert').getByText('The aggregator did not send this part of the page.').waitFor();
  await grid(page).getByRole('row').nth(1).waitFor();
  await page.keyboard.press('Control+k');
  await page.getByRole('dialog', { name: 'Search and commands' }).waitFor();
  assert.deepEqual(page.seen.errors, []);
});

test('several are changed by a run, which is previewed first and starts nothing by Enter alone', async (t) => {
  const page = await open(t);
  await select(page, 4);
  const previews = page.changes;
  await page.getByRole('button', { name: 'Restart 4 workloads…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Restart 4 workloads?' });
  await dialog.getByText('4 chosen by name').waitFor();
  const start = dialog.getByRole('button', { name: 'Restart 4 workloads' });
  await eventually('it can be started', () => start.isEnabled());
  await focused(dialog.getByRole('radio', { name: /^Careful/ }));
  await page.keyboard.press('Enter');
  await start.evaluate((button) => button.dispatchEvent(new MouseEvent('click', { bubbles: true, detail: 2 })));
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  // Nothing was done, so the selection is as it was.
  await page.getByText('4 selected').waitFor();
  assert.ok(previews.every((url) => url.endsWith('/runs')), previews.join());
  assert.deepEqual((await (await signIn(demo)).get('/runs')).items, []);
});

test('a run goes on when its tab is closed, and the selection is cleared once it has started', async (t) => {
  const page = await open(t);
  await select(page, 3);
  await page.getByRole('button', { name: 'Restart 3 workloads…' }).click();
  const start = page.getByRole('dialog').getByRole('button', { name: 'Restart 3 workloads' });
  await eventually('it can be started', () => start.isEnabled());
  await start.click();
  await page.getByRole('heading', { name: 'Targets by wave' }).waitFor();
  await page.goBack();
  await grid(page).getByRole('row').nth(1).waitFor();
  assert.equal(await page.getByText(/^\d+ selected$/).count(), 0);
  const asked = [];
  page.on('dialog', (dialog) => asked.push(dialog.type()));
  await page.close({ runBeforeUnload: true });
  const session = await signIn(demo);
  await eventually('it has succeeded', async () => (await session.get('/runs')).items[0]?.state === 'succeeded', 180_000);
  assert.deepEqual(asked, []);
});

test('Shift selects a range, Escape clears the selection', async (t) => {
  const page = await open(t);
  const box = (row) => page.locator(`[data-index="${row}"]`).getByRole('checkbox');
  await box(1).click();
  await box(4).click({ modifiers: ['Shift'] });
  await page.getByText('4 selected').waitFor();
  await box(3).click({ modifiers: ['Shift'] });
  assert.equal(await box(3).isChecked(), true);
  await page.locator('[data-index="6"]').focus();
  await page.keyboard.press('Shift+X');
  await page.getByText('6 selected').waitFor();
  await page.keyboard.press('Escape');
  await page.getByText(/^\d+ selected$/).waitFor({ state: 'detached' });
  assert.deepEqual(page.changes, []);
});
