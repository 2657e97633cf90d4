// A browser has six connections per server, shared by all tabs: none is held without need, and no change waits unnoticed for one.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launch } from './chromium.js';
import { eventually, signIn, startDemo } from './demo.js';
import { confirmRestart } from './keyboard.js';
import { openUi, showsRestart } from './ui.js';

/** Connections of a browser to one server over HTTP/1.1. */
const CONNECTIONS = 6;

/** With this many tabs of logs, connections remain for the stream of changes and for a call. */
const AT_ONCE = 4;

let demo;
let browser;

before(async () => {
  demo = await startDemo('--clusters', '2', '--namespaces', '2', '--deployments', '20');
  browser = await launch();
});

after(async () => {
  await browser?.close();
  const stopped = await demo?.stop();
  assert.equal(stopped?.code, 0, stopped?.output);
});

/** A signed-in browser. `tab(path)` opens a new tab; `streams()` are the URLs of the open streams. */
async function openBrowser(t) {
  const first = await openUi(browser, demo);
  const context = first.context();
  t.after(() => context.close());
  const open = new Set();
  const watch = (page) => {
    const isStream = (request) => request.resourceType() === 'eventsource';
    page.on('request', (request) => isStream(request) && open.add(request));
    page.on('requestfailed', (request) => open.delete(request));
    page.on('requestfinished', (request) => open.delete(request));
    page.on('close', () => [...open].filter((request) => request.frame().page() === page).forEach((request) => open.delete(request)));
  };
  const tab = async (path) => {
    const page = await context.newPage();
    watch(page);
    await page.goto(path);
    return page;
  };
  await first.goto('about:blank');
  return { first, tab, streams: () => [...open].map((request) => new URL(request.url()).pathname) };
}

/** Headless tabs are all visible: hides this one, or shows it again. */
function look(page, looks) {
  return page.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event('visibilitychange'));
  }, !looks);
}

async function target() {
  const { items } = await (await signIn(demo)).get('/deployments?health=healthy&limit=1&cluster=cluster-a');
  return items[0];
}

const pathOf = ({ cluster, namespace, deployment_name: name }) => `workloads/${cluster}/${namespace}/Deployment/${name}`;

async function restartsOf({ deployment_name: name }) {
  return (await (await signIn(demo)).get(`/audit?verb=restart&deployment_name=${name}`)).items;
}

async function order(page, name) {
  await page.getByRole('button', { name: `Restart ${name}` }).click();
  await confirmRestart(page, name);
}

test('with eight tabs of logs open, one more works, and a restart is sent at once', async (t) => {
  const deployment = await target();
  const { tab, streams } = await openBrowser(t);
  const openLog = async () => {
    const page = await tab(`${pathOf(deployment)}/logs`);
    await page.getByRole('log').getByText('INFO').first().waitFor();
    return page;
  };
  for (let count = 0; count < 8; count += AT_ONCE) {
    const pages = await Promise.all(Array.from({ length: AT_ONCE }, openLog));
    for (const page of pages) await look(page, false);
    await eventually('their streams are closed', () => streams().length === 0);
  }
  const page = await tab(pathOf(deployment));
  await page.getByRole('heading', { name: 'Rollout' }).waitFor();
  await order(page, deployment.deployment_name);
  await page.getByRole('dialog').getByText('complete', { exact: true }).waitFor();
});

test('a hidden tab that is shown again resumes its log, without duplicate lines', async (t) => {
  const { tab, streams } = await openBrowser(t);
  const page = await tab(`${pathOf(await target())}/logs`);
  const log = page.getByRole('log');
  await log.getByText('INFO').first().waitFor();
  await look(page, false);
  await eventually('its streams are closed', () => streams().length === 0);
  await look(page, true);
  await log.getByText('goes on from there').first().waitFor();
  const lines = await log.locator('p').allInnerTexts();
  const written = lines.filter((line) => line.includes('INFO'));
  assert.equal(new Set(written).size, written.length);
});

test('visible tabs share one stream of changes, and it survives the tab that holds it', async (t) => {
  const deployment = await target();
  const { tab, streams } = await openBrowser(t);
  const tabs = [];
  for (let count = 0; count < 3; count += 1) {
    const page = await tab(`workloads?q=cluster:cluster-a ns:${deployment.namespace} ${deployment.deployment_name}`);
    await page.getByRole('button', { name: 'Live' }).waitFor();
    tabs.push(page);
  }
  assert.deepEqual(streams(), ['/watch']);
  const session = await signIn(demo);
  const { cluster, namespace, deployment_name } = deployment;
  for (;;) {
    const done = await session.post('/restart', { cluster, namespace, deployment_name });
    for (const page of tabs) await showsRestart(page.getByRole('grid'), done);
    const leader = tabs.shift();
    if (tabs.length === 0) break;
    await leader.close();
    await tabs[0].getByRole('button', { name: 'Live' }).waitFor();
    await eventually('another tab has the stream', () => streams().length === 1);
  }
});

test('a restart that finds no connection is not sent, then or later, and says so', async (t) => {
  const deployment = await target();
  const { first, tab, streams } = await openBrowser(t);
  const before = (await restartsOf(deployment)).length;
  const page = await tab(pathOf(deployment));
  await page.getByRole('heading', { name: 'Rollout' }).waitFor();
  await page.getByRole('button', { name: `Restart ${deployment.deployment_name}` }).click();
  await page.getByRole('button', { name: 'Cancel' }).click();

  await first.goto('account');
  await first.getByText('What you may do').waitFor();
  const log = `/workloads/${deployment.cluster}/${deployment.namespace}/Deployment/${deployment.deployment_name}/log/watch`;
  const hold = ([count, log]) => {
    globalThis.held = Array.from({ length: count }, (_, number) => new EventSource(`${log}?tail=${number + 1}`));
  };
  await first.evaluate(hold, [CONNECTIONS, log]);
  const held = () => globalThis.held.filter(({ readyState }) => readyState === EventSource.OPEN).length;
  await eventually('each connection has a stream', async () => (await first.evaluate(held)) + streams().length >= CONNECTIONS);
  const isRefused = () => fetch('/livez', { signal: AbortSignal.timeout(2_000) }).then(() => false, () => true);
  await eventually('no connection is free', () => page.evaluate(isRefused));
  await order(page, deployment.deployment_name);
  const dialog = page.getByRole('dialog');
  await dialog.getByText('not sent', { exact: true }).waitFor();
  await dialog.getByText('Nothing was sent, and nothing will be.').waitFor();

  await first.evaluate(() => globalThis.held.forEach((source) => source.close()));
  await page.reload();
  await page.getByRole('heading', { name: 'Rollout' }).waitFor();
  assert.equal((await restartsOf(deployment)).length, before);
});

test('a restart that finds the session ended is not made after the sign-in', async (t) => {
  const deployment = await target();
  const { tab } = await openBrowser(t);
  const before = (await restartsOf(deployment)).length;
  const page = await tab(pathOf(deployment));
  await page.getByRole('heading', { name: 'Rollout' }).waitFor();
  // The page does not know yet that its session has ended.
  await page.route(/\/restart$/, async (route) => {
    await page.context().clearCookies();
    await route.fallback({ headers: { ...route.request().headers(), cookie: '' } });
  });
  await order(page, deployment.deployment_name);
  const again = page.getByRole('dialog', { name: 'Sign in again' });
  await again.getByLabel('Password').fill(demo.password);
  await again.getByRole('button', { name: 'Sign in' }).click();
  await again.waitFor({ state: 'detached' });
  await page.getByText('so nothing was changed').waitFor();
  assert.equal((await restartsOf(deployment)).length, before);
});
