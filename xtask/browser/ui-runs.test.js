// A change of many deployments in a browser, on the whole system: its preview, its start, and its run, which needs no browser.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { violations } from './accessible.js';
import { launch } from './chromium.js';
import { eventually, signIn, startDemo } from './demo.js';
import { openByKeyboard, pressOn, tabTo } from './keyboard.js';
import { breakImage, patch } from './simulator.js';
import { focused, openUi } from './ui.js';
import { addUser } from './users.js';

/** Milliseconds for a run of a few deployments, on a busy machine. */
const RUN_WITHIN = 300_000;

let demo;
let browser;
let session;
/** Groups of deployments, by the search that finds each. */
let free;
/** A group without an unhealthy deployment, for one test. */
let whole;

before(async () => {
  demo = await startDemo('--clusters', '3', '--namespaces', '3', '--deployments', '20');
  browser = await launch();
  session = await signIn(demo);
  const { items } = await session.get('/deployments?sort=name&limit=1000');
  const groups = {};
  for (const item of items) (groups[`cluster:${item.cluster} ns:${item.namespace}`] ??= []).push(item);
  const isHealthy = ({ health }) => health === 'healthy';
  whole = Object.entries(groups).find(([, found]) => found.length > 3 && found.every(isHealthy));
  const others = Object.entries(groups).filter(([search]) => search !== whole[0]);
  free = others
    .map(([search, found]) => [`${search} health:healthy`, found.filter(isHealthy)])
    .filter(([, found]) => found.length > 3);
});

after(async () => {
  await browser?.close();
  const stopped = await demo?.stop();
  assert.equal(stopped?.code, 0, stopped?.output);
});

/** The healthy deployments of one namespace of one cluster, which no other test uses, and the search that finds them. */
function take() {
  const [search, found] = free.pop();
  return { search, found };
}

async function open(t, options) {
  const page = await openUi(browser, demo, options);
  t.after(() => page.context().close());
  return page;
}

const dialogOf = (page) => page.getByRole('dialog', { name: /^Restart / });
const startButton = (page) => dialogOf(page).getByRole('button', { name: /^Restart \d+ workloads?$/ });
const whenItCanStart = (page) => eventually('it can be started', () => startButton(page).isEnabled());
const pathOf = (search) => `workloads?q=${encodeURIComponent(search)}`;

/** Opens the preview of a restart of all that a search finds. */
async function propose(page, { search, found }) {
  await page.goto(pathOf(search));
  await page.getByText(new RegExp(`^${found.length} workloads?$`)).waitFor();
  await page.locator('summary').filter({ hasText: 'Change all' }).click();
  await page.getByRole('button', { name: 'Restart all that match…' }).click();
  await whenItCanStart(page);
}

/** Changes fields of the strategy, by their names, and waits for the preview. */
async function fill(page, fields) {
  await dialogOf(page).getByText('Strategy in detail').click();
  for (const [name, value] of Object.entries(fields)) {
    const field = dialogOf(page).getByRole('group', { name: 'Strategy', exact: true }).locator('label').filter({ hasText: name }).locator('input');
    await (typeof value === 'boolean' ? field.setChecked(value) : field.fill(value));
  }
}

/** Starts it, and returns its id. */
async function start(page) {
  await whenItCanStart(page);
  await startButton(page).click();
  await page.waitForURL(/\/ui\/runs\/[a-z0-9-]+$/);
  await page.getByRole('heading', { name: 'Targets by wave' }).waitFor();
  return page.url().split('/').at(-1);
}

const inState = (id, state) =>
  eventually(`the run is ${state}`, async () => (await session.get(`/runs/${id}`)).state === state, RUN_WITHIN);

const shows = (page, state) => page.locator('header').getByText(state, { exact: true }).waitFor({ timeout: RUN_WITHIN });

test('all that a search finds is previewed and restarted in waves, without the tab that started it', async (t) => {
  const { search, found } = take();
  const page = await open(t);
  await propose(page, { search, found });
  const dialog = dialogOf(page);
  await dialog.getByText(search).waitFor();
  await dialog.getByText(`${found.length} workloads in 1 cluster`).waitFor();
  await dialog.getByText('canary', { exact: true }).waitFor();
  await dialog.getByText('The first failure stops it.').waitFor();
  assert.deepEqual(await violations(page), []);

  await dialog.getByRole('radio', { name: /^Normal/ }).check();
  await dialog.getByLabel('Reason').fill('TLS rotation');
  await fill(page, { 'Must stay complete for': '1s' });
  await dialog.getByText('Of your own: ').waitFor();
  const id = await start(page);
  await page.getByText('TLS rotation').first().waitFor();
  assert.deepEqual(await violations(page), []);
  await page.close();

  await eventually('something is done', async () => ((await session.get(`/runs/${id}`)).counts.succeeded ?? 0) > 0, RUN_WITHIN);
  const back = await open(t);
  await back.locator(`a[href$="/runs/${id}"]`).filter({ hasText: `of ${found.length} done` }).click();
  await back.getByRole('button', { name: 'Pause' }).click();
  await shows(back, 'paused');
  await back.getByRole('button', { name: 'Resume' }).click();
  await inState(id, 'succeeded');
  await shows(back, 'succeeded');
  await back.getByText(`${found.length} of ${found.length} done, 0 failed`).waitFor();
  assert.equal(await back.locator('[data-target]').count(), found.length);
  assert.equal(await back.getByRole('button', { name: 'Pause' }).count(), 0);
  await back.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Runs' }).click();
  const row = back.getByRole('grid', { name: 'Runs' }).getByRole('row').filter({ hasText: 'TLS rotation' }).first();
  await row.getByText('succeeded').waitFor();
  assert.deepEqual(await violations(back), []);
  assert.deepEqual(back.seen.errors, []);
});

test('what is wrong is said beside its field, and what matches nothing is not started', async (t) => {
  const page = await open(t);
  await propose(page, take());
  const dialog = dialogOf(page);
  await fill(page, { 'At once': '101%' });
  const field = dialog.getByRole('textbox', { name: /^At once/ });
  await dialog.getByRole('alert').filter({ hasText: 'use a number such as 5' }).waitFor();
  assert.equal(await field.getAttribute('aria-invalid'), 'true');
  assert.ok(await startButton(page).isDisabled());
  assert.deepEqual(await violations(page), []);
  await field.fill('2');
  await whenItCanStart(page);
  await dialog.getByRole('button', { name: 'Cancel' }).click();

  await page.goto(pathOf('ns:no-such-namespace'));
  await page.locator('summary').filter({ hasText: 'Change all' }).click();
  await page.getByRole('button', { name: 'Restart all that match…' }).click();
  await dialog.getByRole('alert').filter({ hasText: 'no workload matches' }).waitFor();
  assert.ok(await dialog.getByRole('button', { name: 'Restart workloads' }).isDisabled());
  await page.keyboard.press('Escape');

  // A part of a search that is ignored would have narrowed it.
  await page.goto(pathOf('namespace:pay nmespace:shop'));
  await page.locator('summary').filter({ hasText: 'Change all' }).click();
  await page.getByText('A part of the search is not understood').waitFor();
  assert.ok(await page.getByRole('button', { name: 'Restart all that match…' }).isDisabled());
});

test('what has failed comes first with its reason, and is retried', async (t) => {
  const [search, found] = whole;
  const [broken] = found;
  await breakImage(demo, broken);
  const page = await open(t);
  await propose(page, { search, found });
  await fill(page, { 'Must stay complete for': '1s', 'Deadline of each': '15s', 'At once': '100%', Canary: '0' });
  const id = await start(page);
  const failed = page.getByRole('region', { name: 'To look at: 1' });
  await failed.getByRole('link', { name: broken.deployment_name }).waitFor({ timeout: RUN_WITHIN });
  await failed.getByText(/ImagePullBackOff|ErrImagePull/).waitFor();
  assert.deepEqual(await violations(page), []);

  const image = broken.images[0];
  await patch(demo, broken, { spec: { template: { spec: { containers: [{ name: 'app', image }] } } } });
  await page.getByRole('button', { name: 'Retry 1 failed' }).press('Enter', { timeout: RUN_WITHIN });
  // That button is gone: the focus is on what can be done next.
  await focused(page.getByRole('button', { name: 'Pause' }));
  await inState(id, 'succeeded');
  await page.getByText('attempt 2').first().waitFor();
  await failed.waitFor({ state: 'detached' });
});

test('an act on a run that has changed meanwhile does nothing, and shows it as it is', async (t) => {
  const page = await open(t);
  await propose(page, take());
  const id = await start(page);
  await page.route(/\/pause$/, (route) => route.continue({ postData: '{"revision":0}' }));
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('alert').filter({ hasText: 'has changed since it was shown' }).waitFor();
  assert.equal((await session.get(`/runs/${id}`)).desired, 'run');
  await session.post(`/runs/${id}/abort`, {});
  await shows(page, 'aborted');
  await page.getByText(/not begun/).first().waitFor();
});

test('what follows a canary waits for an approval by somebody else', async (t) => {
  const second = await addUser(demo, 'second');
  const page = await open(t);
  await propose(page, take());
  await fill(page, { 'Must stay complete for': '1s', 'Somebody else approves': true, 'At once': '100%' });
  const id = await start(page);
  await shows(page, 'needs approval');
  await page.getByText('Somebody else than you has to approve it').waitFor();
  assert.ok(await page.getByRole('button', { name: 'Approve' }).isDisabled());
  const other = await openUi(browser, second, { path: `runs/${id}` });
  t.after(() => other.context().close());
  await other.getByRole('button', { name: 'Approve' }).click();
  await page.getByText(/was approved by second/).waitFor();
  await inState(id, 'succeeded');
});

test('a run is started, looked at, paused, resumed and aborted by keyboard', async (t) => {
  const { search, found } = take();
  const page = await openByKeyboard(browser, demo, { path: pathOf(search) });
  t.after(() => page.context().close());
  await page.getByText(new RegExp(`^${found.length} workloads?$`)).waitFor();
  await pressOn(page, page.locator('summary').filter({ hasText: 'Change all' }));
  await pressOn(page, page.getByRole('button', { name: 'Restart all that match…' }));
  await focused(dialogOf(page).getByRole('radio', { name: /^Careful/ }));
  await page.keyboard.press('ArrowDown');
  await focused(dialogOf(page).getByRole('radio', { name: /^Normal/ }));
  await whenItCanStart(page);
  // Enter there starts nothing.
  await page.keyboard.press('Enter');
  await dialogOf(page).waitFor();
  await pressOn(page, startButton(page));
  await page.getByRole('heading', { name: 'Targets by wave' }).waitFor();
  await tabTo(page, page.locator('[data-target="0"]'));
  await page.keyboard.press('End');
  await focused(page.locator(`[data-target="${found.length - 1}"]`));
  await page.getByText(/^cluster-\S+\/\S+\/\S+ pending/).waitFor();
  await pressOn(page, page.getByRole('button', { name: 'Pause' }));
  const resume = page.getByRole('button', { name: 'Resume' });
  await focused(resume);
  // Its canary is watched to its end first: with each state it is another revision, and a call for an earlier one is refused.
  await page.locator('header').getByText('pausing', { exact: true }).waitFor();
  await eventually('the call has its response', () => resume.isEnabled());
  await page.keyboard.press('Enter');
  await focused(page.getByRole('button', { name: 'Pause' }));
  await pressOn(page, page.getByRole('button', { name: 'Abort…' }), 'Enter');
  const dialog = page.getByRole('dialog', { name: 'Abort this run?' });
  await focused(dialog.getByRole('button', { name: 'Cancel' }));
  await pressOn(page, dialog.getByRole('button', { name: 'Abort the run' }));
  await shows(page, 'aborted');
  await focused(page.locator('#content'));
  await pressOn(page, page.locator('summary').filter({ hasText: 'History' }));
  for (const state of [/paus(ing|ed)\s*by admin/, /abort(ing|ed)\s*by admin/]) {
    await page.getByRole('listitem').filter({ hasText: state }).first().waitFor();
  }
  assert.equal(await page.pointed(), 0);
});

test('on a phone and in the dark it is complete, too', async (t) => {
  const { search, found } = take();
  const page = await open(t, { width: 390, height: 844, theme: 'dark' });
  const isWithin = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth && document.getElementById('content').scrollWidth <= innerWidth);
  await propose(page, { search, found });
  const dialog = dialogOf(page);
  const [content, width] = await dialog.evaluate((element) => [element.scrollWidth, element.clientWidth]);
  assert.ok(content <= width, `the dialog is ${content - width} pixels too wide`);
  assert.deepEqual(await violations(page), []);
  const id = await start(page);
  await eventually('it is within the screen', isWithin);
  assert.deepEqual(await violations(page), []);
  await page.goto('runs');
  await page.getByRole('grid', { name: 'Runs' }).getByRole('link').first().waitFor();
  await page.getByText(`of ${found.length} done`).first().waitFor();
  await eventually('it is within the screen', isWithin);
  assert.deepEqual(await violations(page), []);
  await session.post(`/runs/${id}/abort`, {});
});
