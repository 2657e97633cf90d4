// Failures while the UI is open: it shows what it knows, and recovers by itself.

import assert from 'node:assert/strict';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { after, before, test } from 'node:test';

import { violations } from './accessible.js';
import { launch } from './chromium.js';
import { eventually, signIn, startDemo } from './demo.js';
import { startAgent, startAggregator } from './programs.js';
import { startProxy } from './proxy.js';
import { writeLines } from './simulator.js';
import { openUi, saysThatItWasCut, shownRestart, showsRestart, signInAs } from './ui.js';
import { addUser, knows, setUser } from './users.js';

let demo;
let browser;
let free;

before(async () => {
  demo = await startDemo('--clusters', '2', '--namespaces', '3', '--deployments', '20');
  browser = await launch();
  const { items } = await (await signIn(demo)).get('/deployments?cluster=cluster-a&health=healthy&sort=name');
  free = items;
});

after(async () => {
  await browser?.close();
  const stopped = await demo?.stop();
  assert.equal(stopped?.code, 0, stopped?.output);
});

/** A deployment that no other test uses. */
const take = () => free.pop();
const pathOf = ({ cluster, namespace, deployment_name: name }) => `workloads/${cluster}/${namespace}/Deployment/${name}`;
const grid = (page) => page.getByRole('grid', { name: 'Workloads' });

async function open(t, options, at = demo) {
  const page = await openUi(browser, at, options);
  t.after(() => page.context().close());
  return page;
}

async function restart({ cluster, namespace, deployment_name }) {
  return (await signIn(demo)).post('/restart', { cluster, namespace, deployment_name });
}

test('a user whose sessions are ended elsewhere must sign in again, and the log and the feed resume', async (t) => {
  const deployment = take();
  await writeLines(demo, deployment, 10);
  const guest = await addUser(demo, 'guest');
  const { guest: rights } = await setUser(demo, 'nobody', undefined);
  const page = await open(t, { path: `${pathOf(deployment)}/logs` }, guest);
  await page.getByRole('log').getByText('INFO').first().waitFor();

  await setUser(demo, 'guest', undefined);
  const dialog = page.getByRole('dialog', { name: 'Sign in again' });
  await dialog.waitFor();
  await page.getByRole('button', { name: 'Reconnecting', includeHidden: true }).waitFor();
  await dialog.getByLabel('Password').fill(demo.password);
  await dialog.getByRole('button', { name: 'Sign in' }).click();
  await dialog.getByRole('alert').getByText('User or password is wrong').waitFor();
  assert.deepEqual(await violations(page), []);

  await setUser(demo, 'guest', rights);
  await knows(guest);
  await signInAs(page, guest);
  await dialog.waitFor({ state: 'detached' });
  await saysThatItWasCut(page);
  await page.getByRole('button', { name: 'Live' }).waitFor();
  const lines = page.getByRole('log').locator('p');
  const last = await lines.last().innerText();
  await eventually('more lines', async () => (await lines.last().innerText()) !== last);
  assert.deepEqual(page.seen.errors, []);
});

test('the UI waits for a killed aggregator to come back, and shows what changed meanwhile', async (t) => {
  const deployment = take();
  const { cluster, namespace, deployment_name: name } = deployment;
  const aggregator = await startAggregator(t, demo);
  const page = await open(t, { path: `workloads?q=cluster:${cluster} ns:${namespace} ${name}` }, { ...demo, url: aggregator.url });
  await page.getByText(/^1 workload$/).waitFor();
  await page.getByRole('button', { name: 'Live' }).waitFor();

  await aggregator.kill();
  await page.getByRole('button', { name: 'Reconnecting' }).waitFor();
  await grid(page).getByText(name, { exact: true }).waitFor();
  const done = await restart(deployment);

  await aggregator.start();
  await page.getByRole('button', { name: 'Live' }).waitFor();
  await showsRestart(grid(page), done);
  await page.getByText(/cannot be reached/).waitFor({ state: 'detached' });
});

test('while the aggregator is down a page of a deployment stays, and its log resumes when it is back', async (t) => {
  const deployment = take();
  await writeLines(demo, deployment, 10);
  const aggregator = await startAggregator(t, demo);
  const page = await open(t, { path: `${pathOf(deployment)}/logs` }, { ...demo, url: aggregator.url });
  await page.getByRole('log').getByText('INFO').first().waitFor();
  await aggregator.kill();
  await page.getByRole('button', { name: 'Reconnecting' }).waitFor();
  assert.ok((await page.getByRole('log').locator('p').count()) > 0, 'the lines stay');
  await aggregator.start();
  await saysThatItWasCut(page);
  await page.getByRole('button', { name: 'Live' }).waitFor();
});

test('when changes were missed the lists are read again', async (t) => {
  const deployment = take();
  const { cluster, namespace, deployment_name: name } = deployment;
  const proxy = await startProxy(t, demo.url);
  const page = await open(t, { path: `workloads?q=cluster:${cluster} ns:${namespace} ${name}` }, { ...demo, url: proxy.url });
  await page.getByText(/^1 workload$/).waitFor();
  await page.getByRole('button', { name: 'Live' }).waitFor();
  proxy.silent = true;
  const done = await restart(deployment);
  const session = await signIn(demo);
  const row = async () => (await session.get(`/deployments?cluster=${cluster}&namespace=${namespace}&q=${name}`)).items[0];
  await eventually('the aggregator knows of it', async () => (await row())?.restarted_at === done.restarted_at);
  assert.notEqual(await shownRestart(grid(page)), Date.parse(done.restarted_at), 'the page has not been notified');
  proxy.send('event: gap\ndata: {"missed":3}\n\n');
  await showsRestart(grid(page), done);
});

test('the page can be used while a response takes ten seconds', async (t) => {
  const page = await open(t);
  // Each response is held back until released, the first one for ten seconds.
  let held = [];
  await page.route(/\/workloads\?/, (route) => held.push(route));
  const letGo = () => {
    const routes = held;
    held = [];
    return Promise.all(routes.map((route) => route.continue().catch(() => {})));
  };
  const isAsked = () => eventually('an answer is held', () => held.length > 0);
  await page.getByRole('link', { name: 'Workloads' }).first().click();
  await isAsked();
  const tenSeconds = pause(10_000);
  await page.getByText(/^Waiting for an answer/).waitFor();
  assert.deepEqual(await violations(page), []);
  await page.getByRole('link', { name: 'Activity' }).first().click();
  await page.getByRole('grid', { name: 'Activity' }).getByText('enroll').first().waitFor();
  await page.goBack();
  await page.getByText(/^Waiting for an answer/).waitFor();
  await tenSeconds;
  await page.getByText(/^Waiting for an answer/).waitFor();
  await letGo();
  await page.getByText(/^\d+ workloads$/).waitFor();
  await page.getByText(/^Waiting for an answer/).waitFor({ state: 'detached' });

  // The old content stays until the new one arrives.
  await page.getByRole('searchbox').fill('cluster:cluster-b');
  await page.getByText(/^Waiting for an answer/).waitFor();
  assert.ok((await grid(page).getByRole('row').count()) > 5);
  assert.equal(await page.getByRole('searchbox').inputValue(), 'cluster:cluster-b');
  // It may have been requested while it was typed, and again.
  const found = page.getByText(/^20 workloads$/);
  await eventually('the requested rows', async () => {
    await letGo();
    return (await found.count()) > 0;
  });
});

test('a cluster that is removed from the fleet while a page of it is open', async (t) => {
  const { namespace, deployment_name: name } = take();
  const session = await signIn(demo);
  // Also if the test ends early: others count the deployments.
  t.after(() => session.remove('/clusters/vanishing').catch(() => {}));
  const { manifest } = await session.post('/clusters/vanishing/enroll', {});
  await startAgent(t, demo, 'vanishing', manifest);
  const target = { cluster: 'vanishing', namespace, deployment_name: name };
  await eventually('it answers', async () => (await session.get(`/deployments?cluster=vanishing`)).items.length === 20);
  const page = await open(t, { path: pathOf(target) });
  await page.getByRole('button', { name: `Restart ${name}` }).waitFor();
  await page.getByRole('region', { name: 'Rollout' }).getByText('complete', { exact: true }).waitFor();
  await session.remove('/clusters/vanishing');
  await page.getByText('was removed from the fleet').waitFor();
  await page.getByRole('button', { name: /^Restart /, disabled: true }).waitFor();
  assert.deepEqual(await violations(page), []);
});

test('while the users file cannot be used every page says so to users who may read the audit, until it can', async (t) => {
  const page = await open(t, { path: 'workloads' });
  const file = join(demo.data, 'users.json');
  const good = await readFile(file, 'utf8');
  const replace = async (text) => {
    await writeFile(`${file}.next`, text, { mode: 0o600 });
    await rename(`${file}.next`, file);
  };
  t.after(() => replace(good));
  const session = await signIn(demo);
  const raised = async () => (await session.get('/conditions')).items.length > 0;
  await replace('{');
  await eventually('the condition is raised', raised);
  await page.goto(`${demo.url}/ui/`);
  const banner = page.getByText('The file of users cannot be used.');
  await banner.waitFor();
  await page.getByText(/users\.json: line 1.*removed users stay signed in/).waitFor();
  assert.deepEqual(await violations(page), []);
  await replace(good);
  await eventually('the condition is cleared', async () => !(await raised()));
  await page.getByRole('button', { name: 'Look again' }).click();
  await banner.waitFor({ state: 'detached' });
  assert.deepEqual(page.seen.errors, []);
});

test('while the audit cannot be written every page says so, until it can', async (t) => {
  const { cluster, namespace, deployment_name: name } = take();
  const page = await open(t, { path: `workloads?q=cluster:${cluster} ns:${namespace} ${name}` });
  await page.getByText(/^1 workload$/).waitFor();
  await page.getByRole('button', { name: `Restart ${name}` }).click();
  const confirm = page.getByRole('dialog').getByRole('button', { name: `Restart ${name}` });
  await confirm.waitFor();
  // The bus holds its connections open, and writes nothing to disk.
  process.kill(demo.pids.nats, 'SIGSTOP');
  const goOn = () => process.kill(demo.pids.nats, 'SIGCONT');
  t.after(goOn);
  await confirm.click();
  await page.getByRole('dialog').getByText('audit_unavailable').waitFor();
  await page.keyboard.press('Escape');
  const banner = page.getByText('The audit cannot be written.');
  await banner.waitFor();
  assert.deepEqual(await violations(page), []);
  await page.getByRole('link', { name: 'Fleet' }).first().click();
  await banner.waitFor();
  const looked = page.waitForResponse((response) => new URL(response.url()).pathname === '/audit');
  await page.getByRole('button', { name: 'Look again' }).click();
  assert.equal((await looked).status(), 503);
  await banner.waitFor();
  goOn();
  await banner.waitFor({ state: 'detached' });
  const session = await signIn(demo);
  // The cluster may have been marked offline meanwhile.
  const here = await eventually('it is healthy', async () => {
    const { items } = await session.get(`/deployments?cluster=${cluster}&namespace=${namespace}&q=${name}`);
    return items.find((item) => item.deployment_name === name && item.health === 'healthy');
  });
  assert.equal(here.restarted_at, undefined);
  const restarts = (await session.get(`/audit?verb=restart&cluster=${cluster}&namespace=${namespace}&deployment_name=${name}`)).items;
  assert.ok(restarts.every(({ outcome }) => outcome !== 'succeeded'), JSON.stringify(restarts));
});
