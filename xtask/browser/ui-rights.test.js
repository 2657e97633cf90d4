// The UI of a user who may see parts of a cluster: only those parts, and no count of the rest.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { violations } from './accessible.js';
import { launch } from './chromium.js';
import { signIn, startDemo } from './demo.js';
import { openPage, openUi, signInAs } from './ui.js';
import { addUser } from './users.js';

let demo;
let browser;
let viewer;

before(async () => {
  // A number that is not part of something else on the page, such as seconds.
  demo = await startDemo('--clusters', '2', '--namespaces', '3', '--deployments', '97');
  browser = await launch();
  viewer = await addViewer();
});

after(async () => {
  await browser?.close();
  const stopped = await demo?.stop();
  assert.equal(stopped?.code, 0, stopped?.output);
});

/** A user who may see one namespace of one cluster, with the password of the demo's user. */
async function addViewer() {
  const { items } = await (await signIn(demo)).get('/deployments?cluster=cluster-a&health=healthy&limit=1');
  const [{ namespace }] = items;
  const grants = [{ role: 'viewer', clusters: ['cluster-a'], namespaces: [namespace] }];
  return { ...(await addUser(demo, 'vera', grants)), namespace };
}

test('the fleet shows no totals of a cluster with one visible namespace', async (t) => {
  const page = await openUi(browser, viewer);
  t.after(() => page.context().close());
  const row = page.getByRole('grid', { name: 'Clusters' }).getByRole('row').nth(1);
  await row.getByText('cluster-a').waitFor();
  assert.equal(await page.getByRole('grid', { name: 'Clusters' }).getByRole('row').count(), 2);
  assert.deepEqual(await violations(page), []);
  const whole = await (await signIn(demo)).get('/workloads?cluster=cluster-a&limit=1');
  const hidden = String(whole.totals.workloads);
  assert.ok(!(await page.locator('main').innerText()).split(/\s+/).includes(hidden), `${hidden} is shown`);
  assert.equal(await page.getByText(/rollouts? (has|have) failed/).count(), 0);
  assert.equal(await page.getByRole('button', { name: 'Add a cluster' }).count(), 0);
});

test('the table shows and counts only the workloads of that namespace, and offers no restart', async (t) => {
  const seen = await (await signIn(viewer)).get('/workloads');
  assert.ok(seen.items.length > 0 && seen.items.every(({ namespace }) => namespace === viewer.namespace));
  const page = await openUi(browser, viewer, { path: 'workloads' });
  t.after(() => page.context().close());
  const count = seen.items.length;
  await page.getByText(count === 1 ? /^1 workload$/ : new RegExp(`^${count} workloads$`)).waitFor();
  await page.keyboard.press('j');
  await page.locator('[role=row]:focus').waitFor();
  await page.keyboard.press('r');
  await page.keyboard.press('x');
  await page.getByText('You may not change these.').waitFor();
  assert.equal(await page.getByRole('dialog').count(), 0);
});

test('changes that a cluster is not enrolled for are not offered, and its details say how to enable them', async (t) => {
  const page = await openPage(browser, demo);
  t.after(() => page.context().close());
  await page.route('**/clusters', async (route) => {
    const response = await route.fetch();
    const body = await response.json();
    for (const cluster of body.items) cluster.allowed_verbs = ['restart'];
    await route.fulfill({ response, json: body });
  });
  const { items } = await (await signIn(demo)).get('/deployments?cluster=cluster-a&health=healthy&limit=1');
  const [{ namespace, deployment_name }] = items;
  await page.goto(`workloads/cluster-a/${namespace}/Deployment/${deployment_name}`);
  await signInAs(page, demo);
  await page.getByRole('button', { name: `Restart ${deployment_name}` }).waitFor();
  await page.getByText('Pause, Resume in cluster-a.').waitFor();
  await page.getByText('scale,image,undo,pause,resume', { exact: true }).waitFor();
  assert.equal(await page.getByRole('button', { name: /^Pause/ }).count(), 0);
  assert.deepEqual(await violations(page), []);
});
