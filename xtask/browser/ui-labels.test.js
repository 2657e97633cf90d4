// Labels of clusters: set when a cluster is added, changed by users with the right, filtered and searched by.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';

import { violations } from './accessible.js';
import { launch } from './chromium.js';
import { eventually, signIn, startDemo } from './demo.js';
import { focused, openUi, PATIENCE } from './ui.js';
import { addUser } from './users.js';

let demo;
let browser;

before(async () => {
  demo = await startDemo('--clusters', '3', '--namespaces', '2', '--deployments', '12');
  browser = await launch();
});

after(async () => {
  await browser?.close();
  const stopped = await demo?.stop();
  assert.equal(stopped?.code, 0, stopped?.output);
});

const clusters = (page) => page.getByRole('grid', { name: 'Clusters' });

/** Waits until a cluster has these labels, as the API has them. */
async function isLabelled(name, labels) {
  const session = await signIn(demo);
  let seen;
  const has = async () => {
    const { items } = await session.get('/clusters');
    seen = items.find(({ cluster }) => cluster === name)?.labels;
    return isDeepStrictEqual(seen, labels);
  };
  await eventually(`the labels of ${name}`, has, PATIENCE).catch(() => assert.deepEqual(seen, labels));
}

async function edit(page, cluster, text) {
  await page.getByRole('button', { name: `Edit the labels of ${cluster}` }).click();
  const dialog = page.getByRole('dialog', { name: `Labels of ${cluster}` });
  await dialog.getByLabel('One label per line').fill(text);
  return dialog;
}

test('an administrator labels clusters, and a label shows its clusters', async (t) => {
  const page = await openUi(browser, demo);
  t.after(() => page.context().close());
  const dialog = await edit(page, 'cluster-a', 'env=prod\nregion');
  await dialog.getByText('Not a label: region.').waitFor();
  assert.ok(await dialog.getByRole('button', { name: 'Save labels' }).isDisabled());
  assert.deepEqual(await violations(page), []);
  await dialog.getByLabel('One label per line').fill('env=prod\nregion=eu w=\n-x=y');
  await dialog.getByRole('button', { name: 'Save labels' }).click();
  await dialog.getByText(/"-x" is not a label key/).waitFor();
  await isLabelled('cluster-a', {});
  await dialog.getByLabel('One label per line').fill('env=prod\nregion=eu');
  await dialog.getByRole('button', { name: 'Save labels' }).click();
  await dialog.waitFor({ state: 'hidden' });
  await isLabelled('cluster-a', { env: 'prod', region: 'eu' });

  // It arrives by the feed, and a click on it filters the clusters.
  await clusters(page).getByRole('button', { name: 'Show clusters with env=prod' }).click();
  await clusters(page).getByText('cluster-b').waitFor({ state: 'hidden' });
  assert.equal(await clusters(page).getByRole('link').count(), 1);
  assert.equal(await page.getByLabel('Find a cluster').inputValue(), 'env=prod');

  // By a key, on the focused row.
  await page.keyboard.press('Escape');
  await clusters(page).getByRole('row').nth(1).focus();
  await page.keyboard.press('e');
  const opened = page.getByRole('dialog', { name: 'Labels of cluster-a' });
  await focused(opened.getByLabel('One label per line'));
  assert.equal(await opened.getByLabel('One label per line').inputValue(), 'env=prod\nregion=eu');
  await opened.getByRole('button', { name: 'Cancel' }).click();
  await opened.waitFor({ state: 'hidden' });

  // A concurrent change of somebody else while the dialog is open is not overwritten.
  const again = await edit(page, 'cluster-a', 'env=test');
  await (await signIn(demo)).patch('/clusters/cluster-a', { labels: { team: 'x' } });
  await again.getByRole('button', { name: 'Save labels' }).click();
  await again.waitFor({ state: 'hidden' });
  await isLabelled('cluster-a', { env: 'test', team: 'x' });
});

test('the search takes labels of clusters, and says what is wrong with them', async (t) => {
  await (await signIn(demo)).patch('/clusters/cluster-b', { labels: { env: 'stage' } });
  const page = await openUi(browser, demo, { path: 'workloads' });
  t.after(() => page.context().close());
  const search = page.getByLabel('Search workloads');
  await search.fill('cluster-label:env=stage');
  const { totals } = await (await signIn(demo)).get('/workloads?cluster=cluster-b&limit=1');
  await page.getByText(new RegExp(`^${totals.workloads} workloads$`)).waitFor();
  const rows = page.getByRole('grid', { name: 'Workloads' }).getByRole('row');
  assert.ok((await rows.nth(1).innerText()).includes('cluster-b'));
  // A cluster that gets the label while the list is open appears in it.
  await (await signIn(demo)).patch('/clusters/cluster-c', { labels: { env: 'stage' } });
  await rows.filter({ hasText: 'cluster-c' }).first().waitFor();
  await (await signIn(demo)).patch('/clusters/cluster-c', { labels: { env: null } });
  await rows.filter({ hasText: 'cluster-c' }).first().waitFor({ state: 'detached' });
  await search.fill('cluster-label:!env');
  await rows.filter({ hasText: 'cluster-c' }).first().waitFor();
  assert.equal(await rows.filter({ hasText: 'cluster-b' }).count(), 0);
});

test('a cluster is added with its allowed changes, and with labels, only by users who may set them', async (t) => {
  const page = await openUi(browser, demo, { path: '?add' });
  t.after(() => page.context().close());
  const dialog = page.getByRole('dialog', { name: 'Add a cluster' });
  await dialog.getByLabel('Name').fill('cluster-new');
  await dialog.getByLabel('Labels, if it should have some').fill('env=prod eu');
  await dialog.getByText('Not a label yet: eu.').waitFor();
  await dialog.getByLabel('Labels, if it should have some').fill('env=prod region=eu');
  assert.equal(await dialog.getByRole('checkbox', { checked: true }).count(), 1);
  await dialog.getByRole('checkbox', { name: 'Pause' }).check();
  const sent = page.waitForRequest((request) => request.url().endsWith('/clusters/cluster-new/invite'));
  await dialog.getByRole('button', { name: 'Make the command' }).click();
  assert.deepEqual((await sent).postDataJSON(), {
    verbs: ['restart', 'pause'],
    labels: { env: 'prod', region: 'eu' },
  });
  await dialog.getByText('kubectl apply').waitFor();

  const grants = [{ role: 'admin', clusters: ['cluster-*'], namespaces: ['*'] }];
  const some = await addUser(demo, 'some', grants);
  const other = await openUi(browser, some, { path: '?add' });
  t.after(() => other.context().close());
  await other.getByRole('dialog', { name: 'Add a cluster' }).getByLabel('Name').waitFor();
  assert.equal(await other.getByLabel('Labels, if it should have some').count(), 0);
  await other.goto('');
  await clusters(other).getByText('cluster-c').waitFor();
  assert.equal(await other.getByRole('button', { name: /Edit the labels/ }).count(), 0);
});

test('a grant by labels shows its clusters, and offers there what it grants', async (t) => {
  const admin = await signIn(demo);
  await admin.patch('/clusters/cluster-c', { labels: { tier: 'gold' } });
  const grants = [{ role: 'restarter', cluster_labels: 'tier=gold', namespaces: ['*'] }];
  const gold = await addUser(demo, 'gold', grants);
  const page = await openUi(browser, gold);
  t.after(() => page.context().close());
  await clusters(page).getByText('cluster-c').waitFor();
  assert.equal(await clusters(page).getByRole('link').count(), 1);
  await page.goto('account');
  await page.getByText('all with tier=gold').waitFor();
  await admin.patch('/clusters/cluster-c', { labels: { tier: null } });
  const seen = async () => ((await (await signIn(gold)).get('/clusters')).items.length === 0 ? true : undefined);
  await eventually('nothing is seen any more', seen, PATIENCE);
});
