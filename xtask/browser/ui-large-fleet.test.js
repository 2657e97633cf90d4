// The fleet at full size: a thousand clusters with a hundred deployments each, in a browser.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launch } from './chromium.js';
import { eventually, signIn, startDemo } from './demo.js';
import { confirmRestart, find, goTo, openByKeyboard } from './keyboard.js';
import { openUi } from './ui.js';

/** A query of the whole fleet, with all its consequences, by unoptimised programs. */
const WITHIN = 180_000;

let demo;
let browser;

before(async () => {
  demo = await startDemo('--clusters', '1000', '--deployments', '100');
  assert.deepEqual(Object.keys(demo.pids).sort(), ['agents', 'aggregator', 'nats']);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  const stopped = await demo?.stop();
  assert.equal(stopped?.code, 0, stopped?.output);
});

const grid = (page, name = 'Workloads') => page.getByRole('grid', { name });

/** A healthy one, in a cluster in the middle of the list. */
async function healthy(cluster) {
  const { items } = await (await signIn(demo)).get(`/deployments?cluster=${cluster}&health=healthy&limit=1`);
  return items[0];
}

async function wasRestarted({ deployment_name: name }) {
  const session = await signIn(demo);
  const query = `verb=restart&deployment_name=${name}`;
  const recorded = async () => (await session.get(`/audit?${query}`)).items.map(({ outcome, user }) => `${user} ${outcome}`);
  await eventually('the outcome is recorded', async () => (await recorded()).includes(`${demo.user} succeeded`));
}

test('one of 100,000 deployments is found, restarted, and watched to its end', async (t) => {
  const target = await healthy('cluster-gx');
  const { cluster, namespace, deployment_name: name } = target;
  const page = await openUi(browser, demo);
  t.after(() => page.context().close());
  page.setDefaultTimeout(WITHIN);
  await page.getByRole('region', { name: 'Totals' }).getByText('100,000', { exact: true }).first().waitFor();
  await page.getByRole('link', { name: 'Workloads' }).first().click();
  await page.getByText('100,000 workloads').waitFor();
  await page.getByText('1,000 of 1,000 clusters answered').waitFor();
  const rows = await grid(page).getByRole('row').count();
  assert.ok(rows < 100, `${rows} rows are in the page`);

  await page.getByRole('searchbox').fill(`cluster:${cluster} ns:${namespace} ${name}`);
  await page.getByText(/^1 workload$/).waitFor();
  await grid(page).getByRole('link', { name, exact: true }).click();
  const detail = page.getByRole('complementary', { name: `Detail of ${name}` });
  await detail.getByRole('heading', { name: 'Rollout' }).waitFor();
  await detail.getByRole('button', { name: `Restart ${name}` }).click();
  await page.getByRole('dialog').getByRole('button', { name: `Restart ${name}` }).click();
  await page.getByRole('dialog').getByText('complete', { exact: true }).waitFor();
  await page.keyboard.press('Escape');
  await detail.getByRole('region', { name: 'Rollout' }).getByText('revision 2').waitFor();
  await wasRestarted(target);
  assert.deepEqual(page.seen.errors, []);
});

test('the same by keyboard alone', async (t) => {
  const target = await healthy('cluster-ct');
  const { cluster, namespace, deployment_name: name } = target;
  const page = await openByKeyboard(browser, demo);
  t.after(() => page.context().close());
  page.setDefaultTimeout(WITHIN);
  await goTo(page, 'w', 'workloads');
  await page.getByText('100,000 workloads').waitFor();
  await find(page, `cluster:${cluster} ns:${namespace} ${name}`, name);
  await page.keyboard.press('Enter');
  await page.getByRole('complementary', { name: `Detail of ${name}` }).getByRole('heading', { name: 'Rollout' }).waitFor();
  await page.keyboard.press('r');
  await confirmRestart(page, name);
  await page.getByRole('dialog').getByText('complete', { exact: true }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('Escape');
  await page.getByRole('complementary').waitFor({ state: 'detached' });
  await wasRestarted(target);
  assert.equal(await page.pointed(), 0);
});
