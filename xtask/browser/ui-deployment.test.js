// One deployment in a browser, on the whole system: its rollout, its log, and its activity.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { violations } from './accessible.js';
import { launch } from './chromium.js';
import { eventually, signIn, startDemo } from './demo.js';
import { breakImage, letCrash, patch, remove, writeLines } from './simulator.js';
import { atRest, GONE_WITHIN, openUi, saysThatItWasCut, seenRows, signInAs } from './ui.js';

let demo;
let browser;
let free;

before(async () => {
  const sets = ['--statefulsets', '4', '--daemonsets', '2'];
  demo = await startDemo('--clusters', '2', '--namespaces', '3', '--deployments', '26', ...sets);
  browser = await launch();
  const { items } = await (await signIn(demo)).get('/deployments?health=healthy&sort=name');
  free = items.filter(({ cluster, replicas }) => cluster === 'cluster-a' && replicas > 1);
});

after(async () => {
  await browser?.close();
  const stopped = await demo?.stop();
  assert.equal(stopped?.code, 0, stopped?.output);
});

/** A deployment that no other test uses. */
const take = () => free.pop();

const pathOf = ({ cluster, namespace, deployment_name: name }) => `workloads/${cluster}/${namespace}/Deployment/${name}`;

async function open(t, options) {
  const page = await openUi(browser, demo, options);
  t.after(() => page.context().close());
  return page;
}

/** Makes a change and waits until it is rolled out and the old pods are deleted too: their logs would be followed as well. */
async function rollOut(deployment, change) {
  const session = await signIn(demo);
  const { cluster, namespace, deployment_name: name, replicas } = deployment;
  const path = `/workloads/${cluster}/${namespace}/Deployment/${name}`;
  const podNames = async () => (await session.get(`${path}/pods`)).items.map(({ pod }) => pod);
  // The previous rollout is complete too, and the agent may not have seen the change yet: new names are the proof.
  const old = new Set(await podNames());
  await change();
  await eventually('the new pods alone are there', async () => {
    const names = await podNames();
    return names.length === replicas && !names.some((pod) => old.has(pod));
  });
  await eventually('the rollout', async () => (await session.get(`${path}/rollout`)).state === 'complete');
}

/** For a scrolled log. */
const FRAMES = 120;

const lines = (page) => page.getByRole('log');
const atEnd = (page) => lines(page).evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight < 8);

test('a restart is confirmed by name, followed to its end, and listed in the activity', async (t) => {
  const deployment = take();
  const name = deployment.deployment_name;
  // So that the progress is certainly visible.
  await patch(demo, deployment, { spec: { minReadySeconds: 3 } });
  const page = await open(t, { path: pathOf(deployment) });
  const rollout = page.getByRole('region', { name: 'Rollout' });
  await rollout.getByText('complete', { exact: true }).waitFor();
  await rollout.getByText(`${deployment.replicas}/${deployment.replicas} available`).waitFor();

  await page.getByRole('button', { name: `Restart ${name}` }).click();
  const dialog = page.getByRole('dialog', { name: `Restart ${name}?` });
  await dialog.getByText(`${deployment.cluster} / ${deployment.namespace}`).waitFor();
  await eventually('Cancel has the focus: Enter changes nothing', () =>
    dialog.getByRole('button', { name: 'Cancel' }).evaluate((button) => button === document.activeElement),
  );
  const reason = 'TLS rotation <b>"now"</b>';
  await dialog.getByRole('textbox', { name: 'Reason' }).fill(` ${reason} `);
  await dialog.getByRole('button', { name: `Restart ${name}` }).click();
  await rollout.getByText('progressing', { exact: true }).waitFor();
  await page.getByRole('dialog').getByText('complete', { exact: true }).waitFor();
  await page.keyboard.press('Escape');

  await rollout.getByText('revision 2').waitFor();
  await rollout.getByText('complete', { exact: true }).waitFor();
  const activity = page.getByRole('region', { name: 'Activity' });
  await activity.getByText('accepted').waitFor();
  await activity.getByText('complete', { exact: true }).waitFor();
  await activity.getByText(reason, { exact: true }).waitFor();
  await activity.getByRole('link', { name: 'All of it' }).click();
  const row = page.getByRole('grid', { name: 'Activity' }).getByRole('row').filter({ hasText: name });
  await row.getByText('accepted').waitFor();
  await row.getByText('complete', { exact: true }).waitFor();
  await row.getByText(reason, { exact: true }).waitFor();
  await page.goBack();
  await page.getByRole('region', { name: 'List of events' }).getByText('ScalingReplicaSet').first().waitFor();
  assert.deepEqual(page.seen.errors, []);
});

/** Closes the dialog, and waits for it: a key that is pressed before would be the dialog's. */
async function close(page) {
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

test('a deployment is paused and resumed, and what does not fit says why before anything is sent', async (t) => {
  const deployment = take();
  const name = deployment.deployment_name;
  const page = await open(t, { path: pathOf(deployment) });
  await page.getByRole('button', { name: `Pause ${name}` }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('wait until it is resumed').waitFor();
  await dialog.getByRole('button', { name: `Pause ${name}` }).click();
  await dialog.getByText('succeeded').waitFor();
  await close(page);
  await page.getByRole('button', { name: `Resume ${name}` }).waitFor();
  assert.equal(await page.getByRole('button', { name: `Restart ${name}` }).count(), 0);

  await page.keyboard.press('r');
  await dialog.getByText('It is paused and would not restart: resume it first.').waitFor();
  assert.equal(await dialog.getByRole('button', { name: `Restart ${name}` }).count(), 0);
  assert.deepEqual(await violations(page), []);
  await close(page);

  await page.keyboard.press('u');
  await dialog.getByRole('button', { name: `Resume ${name}` }).click();
  await dialog.getByText('complete', { exact: true }).waitFor();
  await close(page);
  await page.getByRole('button', { name: `Restart ${name}` }).waitFor();
  const activity = page.getByRole('region', { name: 'Activity' });
  await activity.getByText('pause', { exact: false }).waitFor();
  assert.deepEqual(page.seen.errors, []);
});

test('a deployment is scaled if it has the replicas that were shown, by button, key and palette, and to none after a warning', async (t) => {
  const deployment = take();
  const { cluster, namespace, deployment_name: name, replicas } = deployment;
  const page = await open(t, { path: pathOf(deployment) });
  const dialog = page.getByRole('dialog', { name: `Scale ${name}?` });
  const scale = dialog.getByRole('button', { name: `Scale ${name}` });
  const number = dialog.getByRole('spinbutton', { name: 'Replicas' });
  const progress = page.getByRole('dialog', { name: 'Changes' });
  /** The page shows a change of the cluster a little later. */
  const openWhenItShows = (replicas) =>
    eventually(`the dialog shows ${replicas} replicas`, async () => {
      // A key that is pressed while the last dialog is still closing opens none.
      await page.keyboard.press('s');
      const shown = await number.inputValue({ timeout: 2_000 }).catch(() => undefined);
      if (shown === String(replicas)) return true;
      await close(page);
      return false;
    });

  await page.getByRole('button', { name: `Scale ${name}` }).click();
  assert.equal(await number.inputValue(), String(replicas));
  assert.ok(await scale.isDisabled(), 'the number is unchanged');
  await number.press('Enter');
  await number.fill('-1');
  await dialog.getByText('A whole number from 0 to 100,000').waitFor();
  assert.ok(await scale.isDisabled(), 'the number is invalid');
  await number.fill(String(replicas + 1));
  assert.deepEqual(await violations(page), []);
  await scale.click();
  await progress.getByText('complete', { exact: true }).waitFor();
  await progress.getByTitle(`${replicas + 1} of ${replicas + 1} available`).waitFor();
  await close(page);
  const activity = page.getByRole('region', { name: 'Activity' });
  await activity.getByText('scale', { exact: false }).first().waitFor();

  // Somebody else scales it while the dialog is open: nothing is done.
  await openWhenItShows(replicas + 1);
  await number.fill('0');
  await dialog.getByText('No pod will be left').waitFor();
  await patch(demo, deployment, { spec: { replicas: replicas + 2 } });
  await number.press('Enter');
  await progress.getByText(`expected ${replicas + 1} replicas, but there are ${replicas + 2}`).waitFor();
  await close(page);
  await openWhenItShows(replicas + 2);
  await close(page);

  await page.keyboard.press('Control+k');
  await page.keyboard.type(`scale ${name}`);
  await page.getByRole('option', { name: `Scale ${name}…` }).first().click();
  await number.fill('0');
  await number.press('Enter');
  await progress.getByText('complete', { exact: true }).waitFor();
  const session = await signIn(demo);
  const read = await session.get(`/workloads/${cluster}/${namespace}/Deployment/${name}`);
  assert.equal(read.replicas, 0);
});

test('an image is changed in the dialog, which refuses what is no image, and its rollout is followed', async (t) => {
  const deployment = take();
  const { cluster, namespace, deployment_name: name } = deployment;
  const session = await signIn(demo);
  const read = () => session.get(`/workloads/${cluster}/${namespace}/Deployment/${name}`);
  const before = (await read()).containers;
  const page = await open(t, { path: pathOf(deployment) });
  const dialog = page.getByRole('dialog', { name: `Change images of ${name}?` });
  const change = dialog.getByRole('button', { name: `Change images of ${name}` });
  const image = dialog.getByRole('textbox', { name: 'app', exact: true });
  await page.getByRole('button', { name: `Change images of ${name}` }).waitFor();
  await page.keyboard.press('i');
  assert.equal(await image.inputValue(), before.find(({ container }) => container === 'app').image);
  assert.ok(await change.isDisabled(), 'no image is changed');
  await image.fill('two words');
  await dialog.getByText('An image has no blanks').waitFor();
  assert.ok(await change.isDisabled(), 'it is no image');
  assert.deepEqual(await violations(page), []);
  await image.fill(' registry.example.com/shop/next:2.0 ');
  await dialog.getByRole('textbox', { name: 'Reason' }).fill('OPS-7');
  await change.click();
  await page.getByRole('dialog', { name: 'Changes' }).getByText('complete', { exact: true }).waitFor();
  await page.keyboard.press('Escape');
  const after = (await read()).containers;
  const expected = before.map((container) =>
    container.container === 'app' ? { ...container, image: 'registry.example.com/shop/next:2.0' } : container,
  );
  assert.deepEqual(after, expected, 'the others keep their images');
  await page.getByRole('region', { name: 'Details' }).getByText('registry.example.com/shop/next:2.0').waitFor();
  await page.getByRole('region', { name: 'Activity' }).getByText('OPS-7', { exact: true }).waitFor();
  assert.deepEqual(page.seen.errors, []);
});

test('a StatefulSet and a DaemonSet are found by their kind, and restarted from their page', async (t) => {
  for (const kind of ['StatefulSet', 'DaemonSet']) {
    const page = await open(t);
    const { items } = await (await signIn(demo)).get(`/workloads?kind=${kind}&cluster=cluster-a&health=healthy&sort=name`);
    const [{ cluster, namespace, name }] = items;
    await page.goto(`workloads/${cluster}/${namespace}/${kind}/${name}`);
    const rollout = page.getByRole('region', { name: 'Rollout' });
    await rollout.getByText('complete', { exact: true }).waitFor();
    await page.getByRole('button', { name: `Restart ${name}` }).waitFor();
    assert.equal(await page.getByRole('button', { name: /^Pause/ }).count(), 0);
    assert.equal(await page.getByRole('button', { name: /^Scale/ }).count(), kind === 'StatefulSet' ? 1 : 0);
    assert.deepEqual(await violations(page), []);
    await page.getByRole('button', { name: `Restart ${name}` }).click();
    await page.getByRole('dialog').getByRole('button', { name: /^Restart / }).click();
    await page.getByRole('dialog').getByText('complete', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('region', { name: 'Activity' }).getByText('restart').first().waitFor();
  }
});

test('a stuck restart says why, in the dialog and on the page', async (t) => {
  const deployment = take();
  await breakImage(demo, deployment);
  const page = await open(t, { path: pathOf(deployment) });
  const rollout = page.getByRole('region', { name: 'Rollout' });
  await rollout.getByText('Why it is stuck').waitFor();
  await rollout.getByText(/^(ErrImagePull|ImagePullBackOff)$/).first().waitFor();
  assert.deepEqual(await violations(page), []);

  await page.getByRole('button', { name: `Restart ${deployment.deployment_name}` }).click();
  await page.getByRole('dialog').getByRole('button', { name: /^Restart / }).click();
  await page.getByRole('dialog').getByText('ImagePullBackOff').first().waitFor();
  await page.getByRole('button', { name: 'Close and go on' }).click();
  await rollout.getByText('Why it is stuck').waitFor();
  await page.getByRole('region', { name: 'Table of pods' }).getByText('ImagePullBackOff').first().waitFor();
  await page.getByLabel('Warnings only').check();
  await page.getByRole('region', { name: 'List of events' }).getByText(/does-not-exist/).first().waitFor();
  await page.getByRole('region', { name: 'Activity' }).getByRole('link', { name: 'All of it' }).click();
  const row = page.getByRole('grid', { name: 'Activity' }).getByRole('row').filter({ hasText: deployment.deployment_name });
  await row.getByText('accepted').waitFor();
  await row.getByText(/^(ErrImagePull|ImagePullBackOff)$/).waitFor();
});

test('changes by others are shown while the page is open, and so is a deletion', async (t) => {
  const deployment = take();
  const page = await open(t, { path: pathOf(deployment) });
  const rollout = page.getByRole('region', { name: 'Rollout' });
  await rollout.getByText('revision 1').waitFor();
  await writeLines(demo, deployment, 1);
  await rollout.getByText('revision 2').waitFor();
  await rollout.getByText('complete', { exact: true }).waitFor();
  await remove(demo, deployment);
  await page.getByText('does not exist any more').waitFor();
  await page.getByRole('button', { name: /^Restart /, disabled: true }).waitFor();
  assert.deepEqual(await violations(page), []);
});

test('a deployment and a page that do not exist say so', async (t) => {
  const page = await open(t, { path: 'workloads/cluster-a/default/Deployment/no-such-thing' });
  // Each part gets the error, then the page shows it once.
  await page.getByRole('button', { name: /^Restart /, disabled: true }).waitFor();
  await page.getByRole('alert').getByText('not_found', { exact: true }).first().waitFor();
  await eventually('one reason for all', async () => (await page.getByRole('alert').count()) === 1);
  await page.goto('workloads/no-such-cluster/default/Deployment/cart');
  await page.getByRole('alert').getByText('cluster_unknown', { exact: true }).waitFor();
  assert.deepEqual(await violations(page), []);
});

test('the details show what each container requests, and a condition that does not hold', async (t) => {
  const deployment = take();
  const page = await open(t, { path: pathOf(deployment) });
  const details = page.getByRole('region', { name: 'Details' });
  await details.getByText('app', { exact: true }).waitFor();
  await details.getByText('cpu 100m, memory 128Mi of 256Mi').waitFor();
  await details.getByText('RollingUpdate').waitFor();
  const container = { name: 'app', resources: { requests: { cpu: '250m' }, limits: { cpu: '1' } } };
  await patch(demo, deployment, { spec: { progressDeadlineSeconds: 1, template: { spec: { containers: [container] } } } });
  await details.getByText('cpu 250m of 1, memory 128Mi of 256Mi').waitFor();
  await breakImage(demo, deployment);
  await details.getByText(/False: ProgressDeadlineExceeded/).waitFor();
  assert.deepEqual(await violations(page), []);
});

test('a log follows all pods, stays where somebody reads, and goes back to the end', async (t) => {
  const deployment = take();
  await rollOut(deployment, () => writeLines(demo, deployment, 20));
  const page = await open(t, { path: `${pathOf(deployment)}/logs` });
  await page.getByText('Live', { exact: true }).last().waitFor();
  await page.getByText(new RegExp(`^${deployment.replicas * deployment.images.length} containers$`)).waitFor();
  await eventually('it is at the end', () => atEnd(page));

  await lines(page).hover();
  await page.mouse.wheel(0, -400);
  const more = page.getByRole('button', { name: /new lines?$/ });
  await more.waitFor();
  await eventually('it has come to rest', () => atRest(lines(page)));
  const before = await seenRows(lines(page));
  assert.ok(before.length > 5, `${before.length} rows are seen`);
  await eventually('more lines', async () => Number.parseInt((await more.innerText()).replace(/\D/g, ''), 10) > 40);
  assert.deepEqual(await seenRows(lines(page)), before, 'what is read stays');
  await more.click();
  await eventually('it is at the end again', () => atEnd(page));
  await more.waitFor({ state: 'detached' });
});

test('a log names the containers that fail, shows the last run of one that waits, and says why there is none', async (t) => {
  const [crashing, unpulled] = [take(), take()];
  await letCrash(demo, crashing);
  const page = await open(t, { path: `${pathOf(crashing)}/logs` });
  const troubles = (page) => page.getByRole('list', { name: 'Containers with problems' });
  await troubles(page).getByText(/^CrashLoopBackOff(, \d+ restarts?)?: its last run is shown$/).first().waitFor();
  await lines(page).getByText('shop/cart:crash').first().waitFor();
  await breakImage(demo, unpulled);
  const other = await open(t, { path: `${pathOf(unpulled)}/logs` });
  await troubles(other).getByText(/ImagePullBackOff: Back-off pulling image "shop\/cart:does-not-exist"/).first().waitFor();
  await other.getByText(/^\d+ containers?$/).click();
  await other.getByText('ImagePullBackOff', { exact: true }).first().waitFor();
});

test('lines are searched, filtered by container, wrapped and downloaded', async (t) => {
  const deployment = take();
  const page = await open(t, { path: `${pathOf(deployment)}/logs` });
  await page.getByRole('log').getByText('INFO').first().waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('seq=');
  await page.getByText(/^– of \d+$/).waitFor();
  await page.keyboard.press('Enter');
  const [, hit, all] = (await page.getByText(/^\d+ of \d+$/).innerText()).match(/(\d+) of (\d+)/);
  // More lines may have arrived since.
  assert.ok(all - hit < 10, `the newest is first: ${hit} of ${all}`);
  await page.keyboard.press('Shift+Enter');
  await page.getByText(new RegExp(`^${hit - 1} of `)).waitFor();
  await eventually('the address', () => page.url().endsWith('/logs?q=seq%3D'));

  await page.locator('summary').filter({ hasText: 'containers' }).click();
  const pod = (await page.getByRole('button', { name: /^Only / }).first().getAttribute('aria-label')).replace('Only ', '');
  await page.getByRole('button', { name: `Only ${pod}` }).click();
  await page.getByText(/^1 of \d+ containers$/).waitFor();
  await eventually('the address', () => new URL(page.url()).searchParams.get('only') === pod.replace(' / ', '/'));
  await page.reload();
  await page.getByText(/^1 of \d+ containers$/).waitFor();
  await eventually('lines of it alone', async () => (await lines(page).locator('.source').count()) > 0);
  await page.getByLabel('Wrap').check();
  await eventually('lines are wrapped', () => lines(page).evaluate((log) => log.scrollWidth <= log.clientWidth));

  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download the shown lines' }).click(),
  ]);
  assert.match(download.suggestedFilename(), new RegExp(`^${deployment.deployment_name}-\\d{4}-\\d\\d-\\d\\dT\\d{6}Z\\.log$`));
  const text = await readFile(await download.path(), 'utf8');
  const [name, container] = pod.split(' / ');
  const rows = text.trimEnd().split('\n');
  assert.ok(rows.length >= 90, `${rows.length} lines`);
  assert.ok(rows.every((row) => row.includes(` ${name}/${container} `)));
});

test('lines are found by a regular expression, left out by word and level, and copied as lines', async (t) => {
  const deployment = take();
  const page = await open(t, { path: `${pathOf(deployment)}/logs?times=utc` });
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  const log = page.getByRole('log');
  await log.getByText('INFO').first().waitFor();
  const box = page.getByRole('searchbox', { name: 'Search in the log' });
  await box.fill('/seq=\\d+/');
  await page.getByText(/^– of \d+$/).waitFor();
  await box.fill('/seq=(/');
  await page.getByText(/Invalid regular expression/).waitFor();
  await box.fill('-INFO');
  await log.getByText('INFO').first().waitFor({ state: 'detached' });
  await box.fill('');
  await log.getByText('INFO').first().waitFor();
  await page.getByLabel('Levels').selectOption('Errors');
  await log.getByText('INFO').first().waitFor({ state: 'detached' });
  await page.waitForURL(/level=bad/);
  await page.getByLabel('Levels').selectOption('All levels');
  await log.getByText('INFO').first().waitFor();
  assert.deepEqual(await violations(page), []);

  await page.getByRole('button', { name: 'Stop following' }).click();
  const shown = await log.evaluate((element) => {
    // Rows outside the view may disappear while the list settles.
    const shown = element.getBoundingClientRect();
    const isShown = (row) => row.getBoundingClientRect().top >= shown.top && row.getBoundingClientRect().bottom <= shown.bottom;
    const rows = [...element.querySelectorAll('[data-index]')].filter(isShown);
    rows.sort((one, other) => one.dataset.index - other.dataset.index);
    const three = rows.filter((row) => row.querySelector('time')).slice(0, 3);
    const range = document.createRange();
    range.setStart(three[0], 0);
    range.setEnd(three[2], three[2].childNodes.length);
    document.getSelection().removeAllRanges();
    document.getSelection().addRange(range);
    return three.map((row) => [row.querySelector('time').textContent, row.querySelector('.text').textContent]);
  });
  await page.keyboard.press('Control+c');
  const copied = (await page.evaluate(() => navigator.clipboard.readText())).trimEnd().split('\n');
  assert.equal(copied.length, 3, copied.join('\n'));
  copied.forEach((line, index) => {
    const [time, text] = shown[index];
    assert.ok(line.startsWith(time.slice(0, -1)), `${line} begins with ${time}`);
    assert.ok(line.includes(` ${deployment.deployment_name}-`) && line.endsWith(text), line);
  });

  const [time, text] = shown[1];
  await log.getByText(time).first().click();
  await page.waitForURL(/from=2/);
  const current = log.locator('.line.current');
  await current.getByText(time).waitFor();
  assert.ok((await log.getByText(text).count()) > 0, text);
  await log.getByText(shown[0][0]).first().waitFor();
  await page.getByLabel('From when on').locator('option:checked').filter({ hasText: /^Around / }).waitFor({ state: 'attached' });
});

test('a session that ends while a log is followed is renewed, and no line is lost or duplicated', async (t) => {
  const deployment = take();
  await rollOut(deployment, () => writeLines(demo, deployment, 10));
  const page = await open(t, { path: `${pathOf(deployment)}/logs?from=1000` });
  await page.getByRole('log').getByText('INFO').first().waitFor();
  await page.request.post(`${demo.url}/logout`, { headers: { origin: demo.url } });
  await page.getByRole('dialog', { name: 'Sign in again' }).waitFor();
  await signInAs(page, demo);
  await saysThatItWasCut(page);
  await page.getByText('Live', { exact: true }).last().waitFor();
  const count = async () => Number.parseInt((await page.getByText(/^[\d,]+ lines$/).innerText()).replace(/\D/g, ''), 10);
  const then = await count();
  await eventually('more lines', async () => (await count()) > then + 20);

  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download the shown lines' }).click(),
  ]);
  const numbers = new Map();
  for (const row of (await readFile(await download.path(), 'utf8')).split('\n')) {
    const [, source, number] = row.match(/^\S+ (\S+) .* seq=(\d+)$/) ?? [];
    if (source) numbers.set(source, [...(numbers.get(source) ?? []), Number(number)]);
  }
  assert.equal(numbers.size, deployment.replicas * deployment.images.length, 'every container of every pod');
  for (const [source, seen] of numbers) {
    assert.deepEqual(seen, seen.map((_, index) => seen[0] + index), source);
  }
});

test('ten thousand lines scroll without a halt, while more come', async (t) => {
  const deployment = take();
  await rollOut(deployment, () => writeLines(demo, deployment, 300));
  const page = await open(t, { path: `${pathOf(deployment)}/logs?from=10000` });
  const count = async () => Number.parseInt((await page.getByText(/^[\d,]+ lines$/).innerText()).replace(/\D/g, ''), 10);
  await eventually('ten thousand lines', async () => (await count()) >= 10_000, 120_000);
  const session = await page.context().newCDPSession(page);
  // Only the page's own thread: other load on the machine does not count.
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const worked = async () => (await session.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'TaskDuration').value;
  const before = await worked();
  await lines(page).evaluate(async (log, frames) => {
    for (let frame = 0; frame < frames; frame += 1) {
      log.scrollTop = Math.max(0, log.scrollTop - 700);
      await new Promise(requestAnimationFrame);
    }
  }, FRAMES);
  const each = (((await worked()) - before) * 1_000) / FRAMES;
  t.diagnostic(`work for a frame while scrolling: ${each.toFixed(1)} ms`);
  assert.ok(each < 50, `a frame takes ${each} ms of work`);
  const rows = await lines(page).locator('p').count();
  assert.ok(rows < 200, `${rows} rows are in the page`);
});

test('container output is rendered as text', async (t) => {
  const deployment = take();
  const page = await open(t);
  const nasty = '<img src=x onerror="window.hit=1">\u202egnp.exe\u0007\u001b[31m🧨 ' + 'x'.repeat(16_000);
  const line = (text, second) => ({ pod: 'a-pod', container: 'app', time: `2026-11-24T10:00:0${second}Z`, text });
  const chunk = { sequence: 1, dropped: 7, lines: [line(nasty, 1), line('and after it', 2)], end: 'gone' };
  const body = `event: lines\ndata: ${JSON.stringify(chunk)}\n\nevent: end\ndata: "gone"\n\n`;
  await page.route(/\/log\/watch/, (route) => route.fulfill({ contentType: 'text/event-stream', body }));
  await page.goto(`${pathOf(deployment)}/logs`);
  await lines(page).getByText('<img src=x').waitFor();
  await lines(page).getByText('‹U+202E›gnp.exe␇🧨').waitFor();
  await lines(page).getByText('7 lines were dropped here').waitFor();
  await page.getByText('The workload is gone').waitFor();
  assert.equal(await page.evaluate(() => window.hit), undefined);
  const [content, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= width);
  await page.getByLabel('Wrap').check();
  await lines(page).getByText('and after it').waitFor();
  assert.deepEqual(await violations(page), []);
});

test('the activity is filtered by the address, leads to a deployment, and is exported', async (t) => {
  const page = await open(t, { path: 'activity' });
  const table = page.getByRole('grid', { name: 'Activity' });
  await table.getByText('enroll').first().waitFor();
  assert.equal(await table.getByText('sign-in').count(), 0);
  await page.getByRole('checkbox', { name: 'Sign-ins' }).check();
  await table.getByText('sign-in').first().waitFor();
  await page.getByLabel('When').selectOption('last day');
  await eventually('the address', () => page.url().endsWith('/activity?sign-ins=yes&within=1d'));
  await page.reload();
  await table.getByText('sign-in').first().waitFor();
  await page.getByRole('checkbox', { name: 'Sign-ins' }).uncheck();
  await table.getByText('sign-in').first().waitFor({ state: 'detached' });
  const id = await table.getByTitle(/^operation id /).first().textContent();
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  const entry = table.getByRole('row').filter({ has: page.getByText(id, { exact: true }) });
  await entry.getByRole('button', { name: 'Copy the operation id' }).click();
  await table.getByText('The operation id was copied').waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), id);
  assert.deepEqual(await violations(page), []);
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.getByLabel('What').selectOption('enroll');
  await page.getByLabel('Cluster').fill('cluster-b');
  await page.keyboard.press('Enter');
  await eventually('the address', () => page.url().endsWith('/activity?verb=enroll&cluster=cluster-b'));
  await page.reload();
  await table.getByText('cluster-b').waitFor();
  assert.equal(await table.getByRole('row').count(), 2);

  await page.locator('summary').filter({ hasText: 'Export' }).click();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: /^CSV/ }).click()]);
  const [head, row, end] = (await readFile(await download.path(), 'utf8')).split('\r\n');
  assert.ok(head.startsWith('time,user,verb,cluster,'));
  assert.match(row, /^\S+,admin,enroll,cluster-b,,,,succeeded,/);
  assert.equal(end, '');
  await page.keyboard.press('Escape');

  await page.getByLabel('Cluster').fill('Not A Cluster');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('cluster', { exact: false }).first().waitFor();
  assert.equal(await page.getByLabel('Cluster').getAttribute('aria-invalid'), 'true');
});

test('while its cluster is offline a deployment is not shown as current, and it recovers by itself', async (t) => {
  const deployment = take();
  const page = await open(t, { path: pathOf(deployment) });
  const rollout = page.getByRole('region', { name: 'Rollout' });
  await rollout.getByText('complete', { exact: true }).waitFor();
  const pid = demo.pids['agent cluster-a'];
  process.kill(pid, 'SIGSTOP');
  t.after(() => process.kill(pid, 'SIGCONT'));
  await page.getByText('restarts are refused until it is back').waitFor({ timeout: GONE_WITHIN });
  await page.getByRole('button', { name: /^Restart /, disabled: true }).waitFor();
  assert.deepEqual(await violations(page), []);
  process.kill(pid, 'SIGCONT');
  await page.getByText('restarts are refused until it is back').waitFor({ state: 'detached' });
  await eventually('restarts are offered again', () => page.getByRole('button', { name: /^Restart / }).isEnabled());
});

test('no page of it is wider than a phone, and the title names the page', async (t) => {
  const deployment = take();
  const { cluster, namespace, deployment_name: name } = deployment;
  const page = await open(t, { width: 390, height: 844, path: 'activity' });
  const isTitled = (title) => eventually(`the title ${title}`, async () => (await page.title()) === `${title} · Multi-Cluster Aggregator`);
  // Also the sign-in page when already signed in, which does not navigate.
  await isTitled('Activity');
  const paths = [pathOf(deployment), `${pathOf(deployment)}/logs`, 'activity', 'workloads', 'workloads?group=name'];
  for (const width of [390, 320]) {
    await page.setViewportSize({ width, height: 844 });
    for (const path of paths) {
      await page.goto(path);
      await page.getByText(/INFO|revision|enroll|healthy/).filter({ visible: true }).first().waitFor();
      const isWithin = () => {
        const inside = [document.documentElement, document.getElementById('content'), document.querySelector('header')];
        const steps = [...document.querySelectorAll('main ol li')];
        return [...inside, ...steps].every((element) => element.scrollWidth <= element.clientWidth && element.clientWidth <= innerWidth);
      };
      // New content gets its final position in the next frame.
      await eventually(`${path} is within ${width}`, () => page.evaluate(isWithin));
    }
    await page.goto(pathOf(deployment));
    await page.getByText('revision').first().waitFor();
    await isTitled(`${name} · ${namespace} · ${cluster}`);
    await page.getByRole('heading', { name }).filter({ hasText: `${cluster} / ${namespace}` }).or(page.getByText(`${cluster} / ${namespace}`)).first().waitFor();
  }
});

test('a window of a log has a beginning and an end, and says where it ends', async (t) => {
  const deployment = take();
  const { cluster, namespace, deployment_name } = deployment;
  const session = await signIn(demo);
  const read = () => session.post('/log', { cluster, namespace, deployment_name, since_seconds: 3600, tail: 1000 });
  const lines = await eventually('there are lines', async () => {
    const found = (await read()).lines;
    return found.length >= 12 && found;
  });
  const [begin, end] = [lines[3].time, lines[7].time];
  const inside = lines.filter(({ time }) => time >= begin && time <= end);
  const page = await open(t, { path: `${pathOf(deployment)}/logs?from=${begin}&to=${end}&times=utc` });
  const log = page.getByRole('log');
  await log.getByText('The window ends here: ').waitFor();
  assert.equal(await log.locator('.line').count(), inside.length);
  await log.getByText(new Date(begin).toISOString()).first().waitFor();
  assert.equal(await page.getByRole('button', { name: 'Follow' }).count(), 0);
  assert.ok(!page.seen.requests.some((url) => url.includes('/log/watch')), 'it is not followed');
  assert.deepEqual(await violations(page), []);

  // Without an end it is followed again, and the menu makes a window of the last 15 minutes.
  await page.getByLabel('To', { exact: true }).fill('');
  await page.waitForURL((url) => !url.searchParams.has('to'));
  await page.getByRole('button', { name: /[Ff]ollow/ }).waitFor();
  await page.getByLabel('From when on').selectOption('Between two times…');
  await page.waitForURL((url) => Date.parse(url.searchParams.get('to')) - Date.parse(url.searchParams.get('from')) === 900_000);
  await page.getByText('Ended', { exact: true }).waitFor();
  assert.deepEqual(page.seen.errors, []);
});
