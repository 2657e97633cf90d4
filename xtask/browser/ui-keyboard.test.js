// The main tasks without a pointer: nothing is clicked or hovered here.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { violations } from './accessible.js';
import { launch } from './chromium.js';
import { eventually, signIn, startDemo } from './demo.js';
import { confirmRestart, find, goTo, goToSearch, openByKeyboard, pressOn, signInByKeyboard, tabTo, write } from './keyboard.js';
import { startAgent } from './programs.js';
import { writeLines } from './simulator.js';
import { GONE_WITHIN, openPage } from './ui.js';

let demo;
let browser;

before(async () => {
  demo = await startDemo('--clusters', '3', '--namespaces', '3', '--deployments', '20');
  browser = await launch();
});

after(async () => {
  await browser?.close();
  const stopped = await demo?.stop();
  assert.equal(stopped?.code, 0, stopped?.output);
});

async function open(t, options) {
  const page = await openByKeyboard(browser, demo, options);
  t.after(() => page.context().close());
  return page;
}

async function deployment(query) {
  const { items } = await (await signIn(demo)).get(`/deployments?cluster=cluster-a&${query}&limit=1`);
  return items[0];
}

test('signing in, with a wrong password first', async (t) => {
  const page = await openPage(browser, demo);
  t.after(() => page.context().close());
  await page.goto('');
  await write(page, page.getByLabel('User'), demo.user);
  await write(page, page.getByLabel('Password'), 'wrong');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('User or password is wrong').waitFor();
  await signInByKeyboard(page, demo);
  await page.getByRole('grid', { name: 'Clusters' }).waitFor();
});

test('restarting a stuck deployment, and seeing why', async (t) => {
  const { namespace, deployment_name: name } = await deployment('health=failed');
  const page = await open(t);
  await goTo(page, 'w', 'workloads');
  await find(page, `cluster:cluster-a ns:${namespace} health:failed ${name}`, name);
  await page.keyboard.press('r');
  const dialog = page.getByRole('dialog');
  await confirmRestart(page, name);
  await dialog.getByText(/^(ErrImagePull|ImagePullBackOff)$/).first().waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });

  await pressOn(page, page.getByRole('button', { name: /^Changes (under way|that failed): 1/ }));
  await dialog.getByText(/does-not-exist/).first().waitFor();
  await page.keyboard.press('Escape');
  assert.equal(await page.pointed(), 0);
});

test('following a log, stopping to read, searching, and resuming', async (t) => {
  const target = await deployment('health=healthy');
  await writeLines(demo, target, 20);
  const page = await open(t);
  await goTo(page, 'w', 'workloads');
  await find(page, `cluster:cluster-a ns:${target.namespace} ${target.deployment_name}`, target.deployment_name);
  await page.keyboard.press('l');
  const log = page.getByRole('log');
  await log.getByText('INFO').first().waitFor();
  const seen = () => log.locator('p').last().innerText();
  const first = await seen();
  await eventually('more lines', async () => (await seen()) !== first);

  await tabTo(page, log);
  await page.keyboard.press('PageUp');
  const more = page.getByRole('button', { name: /new lines?$/ });
  await more.waitFor();
  await pressOn(page, more);
  await more.waitFor({ state: 'detached' });

  await goToSearch(page);
  await page.keyboard.type('seq=');
  await page.getByText(/^– of \d/).waitFor();
  await page.keyboard.press('Enter');
  await page.getByText(/^\d+ of \d/).waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('o');
  await page.getByRole('heading', { name: 'Rollout' }).waitFor();
  assert.equal(await page.pointed(), 0);
});

test('enrolling a cluster', async (t) => {
  const session = await signIn(demo);
  t.after(() => session.remove('/clusters/keyboarded'));
  const page = await open(t);
  await page.keyboard.press('Control+k');
  await page.getByRole('dialog').getByRole('combobox').and(page.locator(':focus')).waitFor();
  await page.keyboard.type('add a cluster');
  await page.getByRole('option', { name: 'Add a cluster' }).waitFor();
  await page.keyboard.press('Enter');
  await write(page, page.getByLabel('Name'), 'keyboarded');
  await page.keyboard.press('Enter');
  const steps = page.getByRole('list', { name: 'Progress of the cluster' }).getByRole('listitem');
  await steps.getByText('The command is created: done').waitFor();
  await tabTo(page, page.getByRole('button', { name: 'Copy the command' }));
  const [, link] = (await page.locator('pre').innerText()).match(/'(http[^']+)'/);
  await startAgent(t, demo, 'keyboarded', await (await fetch(link, { method: 'POST' })).text());
  await steps.getByText('It answers: done').waitFor();
  await pressOn(page, page.getByRole('link', { name: 'See its workloads' }));
  await page.getByText(/^20 workloads$/).waitFor();
  assert.equal(await page.pointed(), 0);
});

test('the palette shows how each workload is, the worst first, and opens its restart or its logs', async (t) => {
  const page = await open(t);
  const palette = page.getByRole('dialog').getByRole('combobox').and(page.locator(':focus'));
  await page.keyboard.press('Control+k');
  await palette.waitFor();
  await page.keyboard.type('api');
  await page.getByRole('option', { name: 'API documentation' }).waitFor();
  await page.keyboard.press('Control+a');
  const session = await signIn(demo);
  const names = (await session.get('/workloads?limit=5000')).items.map(({ name }) => name);
  const pieces = names.map((name) => name.slice(0, 2));
  const piece = pieces.find((text) => names.filter((name) => name.includes(text)).length > 8);
  assert.ok(piece, 'more workloads than are shown have a piece of their names in common');
  const found = page.getByRole('group', { name: 'Workloads' }).getByRole('option');
  // Typed again if the worst of them has improved or worsened meanwhile.
  const name = await eventually('the worst one is the first', async () => {
    const { items, totals } = await session.get(`/workloads?q=${piece}&sort=health&limit=8`);
    await page.keyboard.press('Control+a');
    await page.keyboard.type(piece);
    const rest = `${totals.workloads - items.length} more`;
    await page.getByRole('option', { name: rest }).waitFor();
    const [{ name, health }] = items;
    const first = found.first().filter({ hasText: name }).getByText(health);
    return first.waitFor({ timeout: 5_000 }).then(() => name, () => undefined);
  });
  await page.keyboard.press('Control+a');
  await page.keyboard.type(`restart ${name}`);
  await page.getByRole('option', { name: `Restart ${name}…` }).first().waitFor();
  assert.deepEqual(await violations(page), []);
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: `Restart ${name}?` }).waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  await palette.waitFor();
  await page.keyboard.press('Control+a');
  await page.keyboard.type(`logs ${name}`);
  await page.getByRole('option', { name: `Logs of ${name}` }).first().waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('log').waitFor();
  assert.equal(await page.pointed(), 0);
});

test('losing a cluster, and getting it back', async (t) => {
  const page = await open(t);
  const pid = demo.pids['agent cluster-c'];
  process.kill(pid, 'SIGSTOP');
  t.after(() => process.kill(pid, 'SIGCONT'));
  const attention = page.getByRole('region', { name: /Needs attention/ });
  await attention.getByText('Check the agent’s pods in that cluster').waitFor({ timeout: GONE_WITHIN });
  await pressOn(page, attention.getByRole('link', { name: 'cluster-c' }));
  await page.getByRole('grid', { name: 'Workloads' }).getByText(/^was healthy$/).first().waitFor();
  await pressOn(page, page.locator('summary', { hasText: '0 of 1 clusters answered' }));
  await page.getByText(/offline, last seen/).waitFor();
  assert.deepEqual(await violations(page), []);

  process.kill(pid, 'SIGCONT');
  await page.getByText('1 of 1 clusters answered').waitFor();
  assert.equal(await page.pointed(), 0);
});

test('the session ends, and is renewed on the same page', async (t) => {
  const page = await open(t, { path: 'workloads?q=cluster:cluster-b' });
  await page.getByText(/^20 workloads$/).waitFor();
  const ended = await page.request.post(`${demo.url}/logout`, { headers: { origin: demo.url } });
  assert.equal(ended.status(), 204);
  const dialog = page.getByRole('dialog', { name: 'Sign in again' });
  await dialog.waitFor();
  await write(page, dialog.getByLabel('Password'), demo.password);
  await page.keyboard.press('Enter');
  await dialog.waitFor({ state: 'detached' });
  await goTo(page, 'a', 'activity');
  await page.getByRole('grid', { name: 'Activity' }).getByText('enroll').first().waitFor();
  assert.equal(await page.pointed(), 0);
});
