// One service over the fleet: workloads grouped by name. And selections of many rows at once.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { violations } from './accessible.js';
import { launch } from './chromium.js';
import { eventually, signIn, startDemo } from './demo.js';
import { breakImage } from './simulator.js';
import { GONE_WITHIN, openUi } from './ui.js';
import { addUser } from './users.js';

let demo;
let browser;

before(async () => {
  demo = await startDemo('--clusters', '3', '--namespaces', '2', '--deployments', '40');
  browser = await launch();
});

after(async () => {
  await browser?.close();
  const stopped = await demo?.stop();
  assert.equal(stopped?.code, 0, stopped?.output);
});

async function open(t, path, account = demo) {
  const page = await openUi(browser, account, { path });
  t.after(() => page.context().close());
  return page;
}

const grid = (page) => page.getByRole('grid', { name: 'Workloads' });
const row = (page, index) => page.locator(`[data-index="${index}"]`);
/** The row of the group of this name. */
const groupRow = (page, name) => grid(page).getByRole('row').filter({ has: page.getByRole('button', { name: new RegExp(`^${name} \\d`) }) });

/** A deployment that is healthy in all clusters, in one of them. */
async function healthy(position) {
  const { items } = await (await signIn(demo)).get('/deployments?cluster=cluster-b&health=healthy&sort=name');
  return items[position];
}

test('a name is one row with its clusters, versions and health, the worst first, and opens to its workloads', async (t) => {
  const { deployment_name: name, namespace } = await healthy(3);
  // The worst of both states: a crashing container runs in between.
  await breakImage(demo, { cluster: 'cluster-b', namespace, deployment_name: name });
  const page = await open(t, `workloads?q=health:degraded,failed,progressing,healthy ns:${namespace}`);
  await page.getByRole('button', { name: 'Group by name' }).click();
  await page.waitForURL(/group=name/);
  const group = groupRow(page, name);
  // It arrives by the feed, without a manual reload.
  await group.getByText(/^1 (degraded|failed)$/).waitFor();
  await group.getByText('3 clusters').waitFor();
  await group.getByText(/^2 versions: .* in 2 clusters, cart:does-not-exist in 1 cluster$/).waitFor();
  const healths = await grid(page).locator('.state').allInnerTexts();
  const rank = healths.map((health) => ['failed', 'degraded', 'progressing', 'paused', 'healthy'].indexOf(health));
  assert.deepEqual(rank, rank.toSorted((a, b) => a - b), healths.join());
  const { groups } = await (await signIn(demo)).get(`/workload-groups?namespace=${namespace}&health=degraded,failed,progressing,healthy&limit=1`);
  await page.getByRole('status').filter({ hasText: `${groups} names` }).waitFor();

  await group.getByRole('button').click();
  const members = grid(page).getByRole('link', { name, exact: true });
  await eventually('its workloads are there', async () => (await members.count()) === 3);
  for (const cluster of ['cluster-a', 'cluster-b', 'cluster-c']) {
    await grid(page).getByRole('row').filter({ hasText: name }).getByText(cluster, { exact: true }).waitFor();
  }
  assert.deepEqual(await violations(page), []);

  // The URL has all of it.
  await page.reload();
  await eventually('they are there again', async () => (await members.count()) === 3);
  assert.equal(await group.getByRole('button').getAttribute('aria-expanded'), 'true');

  // A key acts on a row of the group, and on the whole group as a selection.
  const first = grid(page).getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) }).first();
  await first.getByText('cluster-b', { exact: true }).waitFor();
  await first.focus();
  await page.keyboard.press('r');
  const dialog = page.getByRole('dialog', { name: `Restart ${name}?` });
  await dialog.getByText(`cluster-b / ${namespace}`).waitFor();
  await page.keyboard.press('Enter');
  await dialog.waitFor({ state: 'detached' });
  await group.getByRole('checkbox').check();
  await page.getByText('3 selected').waitFor();
  await page.getByRole('button', { name: 'Restart 3 workloads…' }).waitFor();
  await group.getByRole('button').click();
  await eventually('they are gone', async () => (await members.count()) === 0);
  assert.ok(!page.url().includes('expanded'), page.url());
  assert.deepEqual(page.seen.errors, []);
});

test('a group counts only what the user may see', async (t) => {
  const account = await addUser(demo, 'of-pay', [{ role: 'viewer', clusters: ['cluster-a'], namespaces: ['pay'] }]);
  const { totals } = await (await signIn(demo)).get('/workloads?cluster=cluster-a&namespace=pay&limit=1');
  const page = await open(t, 'workloads?group=name', account);
  await page.getByText(`${totals.workloads} names`).waitFor();
  await page.getByText(`${totals.workloads} workloads`).waitFor();
  await grid(page).getByText('1 cluster', { exact: true }).first().waitFor();
  assert.equal(await grid(page).getByText(/^[23] clusters/).count(), 0);
});

test('all matches can be selected at once, and are restarted by one run', async (t) => {
  const page = await open(t, 'workloads?sort=name');
  await row(page, 0).getByRole('checkbox').check();
  await page.getByText('1 selected').waitFor();
  await page.getByRole('button', { name: 'Select all 120 that match' }).click();
  await page.getByText('120 selected').waitFor();
  await page.getByRole('button', { name: /^Restart 1\d\d workloads…/ }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('120 chosen by name').waitFor();
  await dialog.getByText(/^\d+ workloads in 3 clusters/).waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  assert.equal(await page.getByRole('button', { name: /that match$/ }).count(), 0);
  // A different search selects different workloads.
  await page.getByLabel('Search workloads').fill('ns:pay');
  await page.getByText(/^\d+ selected$/).waitFor({ state: 'detached' });
});

test('a selection of all has a bound, and says so', async (t) => {
  const page = await open(t, 'workloads?sort=name');
  await page.route(/:\d+\/workloads\?/, async (route) => {
    const response = await route.fetch();
    const body = await response.json();
    await route.fulfill({ response, json: { ...body, totals: { ...body.totals, workloads: 30_000 } } });
  });
  await page.reload();
  await row(page, 0).getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Select the first 1,000 of 30,000 that match' }).waitFor();
});

test('a group says which of its clusters are offline, and counts their workloads as unknown', async (t) => {
  const page = await open(t, 'workloads?group=name&sort=name');
  const group = grid(page).getByRole('row').nth(1);
  await group.getByText('3 clusters').waitFor();
  const pid = demo.pids['agent cluster-c'];
  process.kill(pid, 'SIGSTOP');
  t.after(() => process.kill(pid, 'SIGCONT'));
  await group.getByText('1 offline').waitFor({ timeout: GONE_WITHIN });
  await group.getByText(/1 unknown/).waitFor();
  await page.getByText('2 of 3 clusters answered').waitFor();
  await group.getByRole('button').click();
  await grid(page).getByText(/^was /).first().waitFor();
});
