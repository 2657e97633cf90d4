// The web UI in a browser, on the whole system.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { violations } from './accessible.js';
import { launch } from './chromium.js';
import { eventually, signIn, startDemo } from './demo.js';
import { confirmRestart, find, goTo } from './keyboard.js';
import { startAgent } from './programs.js';
import { screens } from './screens.js';
import { GONE_WITHIN, openUi, PATIENCE, showsRestart, signInAs } from './ui.js';

let demo;
let browser;

before(async () => {
  demo = await startDemo('--clusters', '3', '--namespaces', '3', '--deployments', '30');
  browser = await launch();
});

after(async () => {
  await browser?.close();
  const stopped = await demo?.stop();
  assert.equal(stopped?.code, 0, stopped?.output);
});

const grid = (page, name = 'Workloads') => page.getByRole('grid', { name });

async function open(t, options) {
  const page = await openUi(browser, demo, options);
  t.after(() => page.context().close());
  return page;
}

/** A healthy deployment. */
async function healthy() {
  const session = await signIn(demo);
  const { items } = await session.get('/deployments?health=healthy&limit=1');
  return items[0];
}

for (const theme of ['light', 'dark']) {
  test(`every page is accessible, loads nothing from elsewhere and obeys the policy: ${theme}`, async (t) => {
    const page = await open(t, { theme });
    for (const [name, arrange] of Object.entries(screens)) {
      await page.goto('');
      await screens.fleet(page);
      await arrange(page);
      assert.deepEqual(await violations(page), [], name);
    }
    assert.deepEqual(page.seen.requests.filter((url) => !url.startsWith(demo.url)), []);
    assert.deepEqual(page.seen.errors, []);
  });
}

test('the sign-in page is accessible and says what is wrong', async (t) => {
  const context = await browser.newContext();
  t.after(() => context.close());
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  await page.goto(demo.url);
  await page.getByLabel('Password').waitFor();
  assert.equal(new URL(page.url()).pathname, '/ui/');
  assert.deepEqual(await violations(page), []);
  await page.getByLabel('User').fill(demo.user);
  await page.getByLabel('Password').fill('wrong');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('User or password is wrong').waitFor();
  assert.deepEqual(await violations(page), []);
});

test('no page is wider than a phone, and menus and dialogs fit', async (t) => {
  const page = await open(t, { width: 390, height: 844 });
  for (const [name, arrange] of Object.entries(screens)) {
    await page.goto('');
    await screens.fleet(page);
    await arrange(page);
    const isWithin = () =>
      page.evaluate(() => {
        const opened = document.querySelectorAll('main, details[open] > :not(summary), [role=dialog]');
        const edges = [...opened].map((element) => element.getBoundingClientRect()).flatMap(({ left, right }) => [left, right]);
        return [...edges, document.documentElement.scrollWidth].every((edge) => edge >= 0 && edge <= innerWidth);
      });
    // New or growing content gets its final position in the next frame.
    await eventually(`${name} is within the page`, isWithin);
  }
});

test('a user finds a deployment, restarts it and sees the rollout end by keyboard alone', async (t) => {
  const { cluster, namespace, deployment_name: name } = await healthy();
  const session = await signIn(demo);
  const recorded = async () =>
    (await session.get(`/audit?verb=restart&cluster=${cluster}&namespace=${namespace}&deployment_name=${name}`)).items;
  const before = (await recorded()).length;
  const page = await open(t);
  await goTo(page, 'w', 'workloads');
  await grid(page).getByRole('row').nth(1).waitFor();
  await find(page, `cluster:${cluster} ns:${namespace} ${name}`, name);
  await page.keyboard.press('r');
  await confirmRestart(page, name);
  await page.getByRole('dialog').getByText('complete', { exact: true }).waitFor();

  await eventually('the outcome is recorded', async () => (await recorded()).every(({ outcome }) => outcome !== 'pending'));
  const entries = await recorded();
  assert.equal(entries.length, before + 1);
  assert.deepEqual([entries[0].outcome, entries[0].user], ['succeeded', demo.user]);
  await page.keyboard.press('Escape');
  await grid(page).getByText(/^(now|\d+ (s|min) ago)$/).waitFor();
});

test('the view state is in the URL: links and Back restore it', async (t) => {
  const page = await open(t);
  await page.goto('workloads');
  await grid(page).getByRole('row').nth(1).waitFor();
  await page.getByRole('searchbox').fill('cluster:cluster-b');
  await page.getByText(/^30 workloads$/).waitFor();
  await grid(page).getByRole('button', { name: 'Health' }).click();
  await eventually('the address', () => page.url().endsWith('/ui/workloads?q=cluster%3Acluster-b&sort=-health'));
  await page.reload();
  await page.getByText(/^30 workloads$/).waitFor();
  assert.equal(await page.getByRole('searchbox').inputValue(), 'cluster:cluster-b');
  await page.getByText('1 of 1 clusters answered').waitFor();
});

test('a filter pressed right after typing is added to the typed text, and stays', async (t) => {
  const page = await open(t, { path: 'workloads' });
  await grid(page).getByRole('row').nth(1).waitFor();
  await page.clock.install();
  await page.getByRole('searchbox').fill('cluster:cluster-b');
  await page.getByRole('button', { name: 'healthy' }).click();
  await eventually('the address', () => new URL(page.url()).searchParams.get('q') === 'cluster:cluster-b health:healthy');
  // Longer than the delay after which the URL is updated.
  await page.clock.runFor(1_000);
  assert.equal(new URL(page.url()).searchParams.get('q'), 'cluster:cluster-b health:healthy');
  assert.equal(await page.getByRole('searchbox').inputValue(), 'cluster:cluster-b health:healthy');

  await page.getByRole('searchbox').fill('cluster:cluster-c');
  await page.getByRole('link', { name: 'Fleet' }).first().click();
  await grid(page, 'Clusters').waitFor();
  await page.goBack();
  await eventually('what was typed', async () => (await page.getByRole('searchbox').inputValue()) === 'cluster:cluster-c');
});

test('a session that ends is renewed on the same page, and the page continues', async (t) => {
  const page = await open(t, { path: 'workloads?q=cluster:cluster-a' });
  await page.getByText(/^30 workloads$/).waitFor();
  const ended = await page.request.post(`${demo.url}/logout`, { headers: { origin: demo.url } });
  assert.equal(ended.status(), 204);
  await page.getByRole('button', { name: 'Workload', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Sign in again' });
  await dialog.waitFor();
  assert.deepEqual(await violations(page), []);
  assert.equal(await dialog.getByLabel('User').inputValue(), demo.user);
  await signInAs(page, demo);
  await dialog.waitFor({ state: 'detached' });
  await eventually('the table goes on', () => page.url().endsWith('&sort=name'));
  await page.getByText(/^30 workloads$/).waitFor();
});

test('a cluster that goes offline is shown as such, with advice, and recovers by itself', async (t) => {
  const page = await open(t);
  const pid = demo.pids['agent cluster-c'];
  process.kill(pid, 'SIGSTOP');
  t.after(() => process.kill(pid, 'SIGCONT'));
  const attention = page.getByRole('region', { name: /Needs attention/ });
  await attention.getByText('Check the agent’s pods in that cluster').waitFor({ timeout: GONE_WITHIN });
  assert.deepEqual(await violations(page), []);
  await page.goto('workloads');
  await page.getByText('2 of 3 clusters answered').click();
  await page.getByText(/offline, last seen/).waitFor();
  assert.deepEqual(await violations(page), []);

  process.kill(pid, 'SIGCONT');
  await page.goto('');
  await page.getByText('Every cluster is online').waitFor();
});

test('without a network the page stays, says so, and continues when it is back', async (t) => {
  const page = await open(t, { path: 'workloads' });
  await grid(page).getByRole('row').nth(1).waitFor();
  await page.context().setOffline(true);
  await page.getByRole('searchbox').fill('health:healthy');
  await page.getByText(/The server cannot be reached/).waitFor();
  assert.ok((await grid(page).getByRole('row').count()) > 5, 'the rows stay');
  await page.context().setOffline(false);
  // The page may be faster.
  await page.getByRole('button', { name: 'Try again' }).click({ timeout: 5_000 }).catch(() => {});
  await page.getByText(/The server cannot be reached/).waitFor({ state: 'detached' });
});

test('a command enrolls a cluster, and each step turns green', async (t) => {
  const session = await signIn(demo);
  // Also if the test ends early: others count the clusters.
  t.after(() => session.remove('/clusters/newcomer').catch(() => {}));
  const page = await open(t);
  await page.getByRole('button', { name: 'Add a cluster' }).click();
  await page.getByLabel('Name').fill('Not A Name');
  await page.keyboard.press('Enter');
  assert.equal(await page.getByLabel('Name').evaluate((input) => input.validity.valid), false);
  await page.getByLabel('Name').fill('newcomer');
  await page.keyboard.press('Enter');
  const steps = page.getByRole('list', { name: 'Progress of the cluster' }).getByRole('listitem');
  await steps.getByText('The command is created: done').waitFor();
  assert.equal(await steps.getByText(': not yet').count(), 3);

  const command = await page.locator('pre').innerText();
  const [, link] = command.match(/^curl -fsS -X POST '(http[^']+)' \| kubectl apply -f -$/);
  await startAgent(t, demo, 'newcomer', await (await fetch(link, { method: 'POST' })).text());
  await steps.getByText('It answers: done').waitFor();
  await eventually('each step is done', async () => (await steps.getByText(': done').count()) === 4);
  assert.deepEqual(await violations(page), []);
  await page.getByRole('link', { name: 'See its workloads' }).click();
  await page.getByText(/^30 workloads$/).waitFor();

  // Without a reload: a removed cluster disappears by itself.
  await page.goto('');
  await grid(page, 'Clusters').getByText('newcomer').waitFor();
  await session.remove('/clusters/newcomer');
  await grid(page, 'Clusters').getByText('newcomer').waitFor({ state: 'detached' });
});

test('a stuck restart says why', async (t) => {
  const page = await open(t, { path: 'workloads?q=cluster:cluster-a health:failed' });
  await page.getByText(/^1 workload$/).waitFor();
  await page.getByRole('button', { name: /^Restart / }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: /^Restart / }).click();
  await dialog.getByText('progressing', { exact: true }).waitFor();
  await dialog.getByText(/^(ErrImagePull|ImagePullBackOff)$/).first().waitFor();
  assert.deepEqual(await violations(page), []);
  await page.getByRole('button', { name: 'Close and go on' }).click();
  await page.getByRole('button', { name: /^Changes (under way|that failed): 1/ }).click();
  await dialog.getByText(/does-not-exist/).first().waitFor();
});

test('changes elsewhere appear in the table without a reload', async (t) => {
  const { cluster, namespace, deployment_name: name } = await healthy();
  const page = await open(t, { path: `workloads?q=cluster:${cluster} ns:${namespace} ${name}` });
  await page.getByRole('button', { name: 'Live' }).waitFor();
  await page.getByText(/^1 workload$/).waitFor();
  const session = await signIn(demo);
  await showsRestart(grid(page), await session.post('/restart', { cluster, namespace, deployment_name: name }));
});

test('text from others is rendered as text', async (t) => {
  const page = await open(t);
  const nasty = '<img src=x onerror="window.hit=1">\u202egnp.exe\u0007 🧨 ' + 'x'.repeat(300);
  await page.route(/\/workloads\?/, async (route) => {
    const answer = await (await route.fetch()).json();
    answer.items.forEach((item) => Object.assign(item, { reason: nasty, images: [nasty], name: nasty }));
    await route.fulfill({ json: answer });
  });
  await page.goto('workloads');
  await grid(page).getByText('<img src=x').first().waitFor();
  assert.equal(await page.evaluate(() => window.hit), undefined);
  const [content, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= width);
  const heights = await grid(page).getByRole('row').evaluateAll((rows) => new Set(rows.slice(1).map((row) => row.clientHeight)).size);
  assert.equal(heights, 1);
});

test('a deployment opens beside the table, with its state in the URL, and by its link as a page', async (t) => {
  const { cluster, namespace, deployment_name: name } = await healthy();
  const page = await open(t, { path: `workloads?q=cluster:${cluster} ns:${namespace} ${name}` });
  const link = grid(page).getByRole('link', { name, exact: true });
  await link.click();
  const detail = page.getByRole('complementary', { name: `Detail of ${name}` });
  await detail.getByRole('heading', { name: 'Rollout' }).waitFor();
  await grid(page).locator('[role=row][aria-current=true]').getByText(name, { exact: true }).waitFor();
  await page.reload();
  await detail.getByRole('heading', { name: 'Rollout' }).waitFor();
  assert.equal(new URL(page.url()).searchParams.get('open'), `${cluster}/${namespace}/${name}`);
  await page.goBack();
  await detail.waitFor({ state: 'detached' });
  await page.getByText(/^1 workload$/).waitFor();

  await link.click();
  await detail.getByRole('button', { name: 'Close the detail' }).click();
  await detail.waitFor({ state: 'detached' });
  await link.click();
  await detail.getByRole('link', { name: 'Open as a page' }).click();
  await page.getByRole('navigation', { name: 'Of this workload' }).waitFor();
  assert.equal(new URL(page.url()).pathname, `/ui/workloads/${cluster}/${namespace}/Deployment/${name}`);
  // An address from before there were other kinds.
  await page.goto(`deployments/${cluster}/${namespace}/${name}/logs?wrap`);
  await page.waitForURL(({ pathname }) => pathname === `/ui/workloads/${cluster}/${namespace}/Deployment/${name}/logs`);
  assert.ok(new URL(page.url()).searchParams.has('wrap'));
});
