// What the start of a run asks for, on the whole system: images, replicas, stages, times, and the confirmation of protected clusters.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { violations } from './accessible.js';
import { launch } from './chromium.js';
import { eventually, signIn, startDemo } from './demo.js';
import { openByKeyboard, pressOn, tabTo, write } from './keyboard.js';
import { focused, openUi } from './ui.js';
import { addUser } from './users.js';

/** Milliseconds for a run of a few deployments, on a busy machine. */
const RUN_WITHIN = 300_000;
const PROTECTED = 'cluster-c';

let demo;
let browser;
let session;

before(async () => {
  // The aggregator of the demo reads it.
  process.env.MCA_PROTECTED_CLUSTERS = PROTECTED;
  demo = await startDemo('--clusters', '3', '--namespaces', '3', '--deployments', '12');
  browser = await launch();
  session = await signIn(demo);
});

after(async () => {
  await browser?.close();
  const stopped = await demo?.stop();
  assert.equal(stopped?.code, 0, stopped?.output);
});

async function open(t, options) {
  const page = await openUi(browser, demo, options);
  t.after(() => page.context().close());
  return page;
}

const pathOf = (search) => `workloads?q=${encodeURIComponent(search)}`;

/** A name that healthy deployments in several of these clusters have. */
async function sharedName(clusters) {
  const { items } = await session.get(`/deployments?cluster=${clusters.join(',')}&health=healthy&sort=name&limit=1000`);
  const count = (name) => new Set(items.filter((item) => item.deployment_name === name).map(({ cluster }) => cluster)).size;
  return items.find(({ deployment_name: name }) => count(name) === clusters.length).deployment_name;
}

const dialogOf = (page) => page.getByRole('dialog');
const startButton = (page) => dialogOf(page).locator('button.primary');
const whenItCanStart = (page) => eventually('it can be started', () => startButton(page).isEnabled());

/** Opens the dialog of a change of all that a search finds. */
async function propose(page, search, change) {
  await page.goto(pathOf(search));
  await page.getByRole('grid', { name: 'Workloads' }).getByRole('row').nth(1).waitFor();
  await page.locator('summary').filter({ hasText: 'Change all' }).click();
  // Some changes are of some kinds alone, and say so.
  await page.getByRole('button', { name: new RegExp(`^${change} all( .+)? that match…$`) }).click();
  await dialogOf(page).waitFor();
}

const disclose = (page, name) => dialogOf(page).locator('summary').filter({ hasText: name }).click();

/** A time as it is written into a field, in the time zone of the page. */
const localTime = (page, ahead) =>
  page.evaluate((ahead) => {
    const time = new Date(Date.now() + ahead);
    return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  }, ahead);

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

async function started(page) {
  await page.waitForURL(/\/ui\/runs\/[a-z0-9-]+$/);
  await page.getByRole('heading', { name: 'Targets by wave' }).waitFor();
  return page.url().split('/').at(-1);
}

const inState = (id, state) =>
  eventually(`the run is ${state}`, async () => (await session.get(`/runs/${id}`)).state === state, RUN_WITHIN);

const shows = (page, state) => page.locator('header').getByText(state, { exact: true }).waitFor({ timeout: RUN_WITHIN });

test('images are changed in stages by keyboard, and the second stage waits for an approval', async (t) => {
  const second = await addUser(demo, 'second');
  const clusters = ['cluster-a', 'cluster-b'];
  const name = await sharedName(clusters);
  const image = `registry.example.com/shop/${name}:9.9.9`;
  const page = await openByKeyboard(browser, demo, { path: pathOf(`name:${name} cluster:${clusters}`) });
  t.after(() => page.context().close());
  const dialog = dialogOf(page);
  await page.getByRole('grid', { name: 'Workloads' }).getByRole('row').nth(1).waitFor();
  await pressOn(page, page.locator('summary').filter({ hasText: 'Change all' }));
  await pressOn(page, page.getByRole('button', { name: 'Change images of all that match…' }));

  // The container is suggested; nothing can be previewed before there is an image.
  const container = dialog.getByRole('combobox', { name: 'Container' });
  await focused(container);
  await eventually('the container is filled in', async () => (await container.inputValue()) === 'app');
  await dialog.getByText('Fill in the container and its image.').waitFor();
  assert.ok(await startButton(page).isDisabled());
  await write(page, dialog.getByRole('textbox', { name: 'Image', exact: true }), image);

  await pressOn(page, dialog.locator('summary').filter({ hasText: 'Stages…' }));
  await pressOn(page, dialog.getByRole('button', { name: 'Add stages' }));
  const stages = dialog.getByRole('group', { name: /^Stage \d$/ });
  const clustersOf = (row) => stages.nth(row).getByRole('textbox', { name: 'Clusters', exact: true });
  await focused(clustersOf(0));
  await dialog.getByText('only the last stage is for all others').waitFor();
  await page.keyboard.type('cluster-b');
  await tabTo(page, stages.nth(1).getByRole('checkbox'));
  await page.keyboard.press('Space');

  // Moving one leaves the focus with it, also at the end, where it cannot be moved on.
  await pressOn(page, dialog.getByRole('button', { name: 'Move stage 1 down' }));
  await focused(dialog.getByRole('button', { name: 'Move stage 2 up' }));
  await page.keyboard.press('Enter');
  await focused(dialog.getByRole('button', { name: 'Move stage 1 down' }));
  assert.equal(await clustersOf(0).inputValue(), 'cluster-b');

  await whenItCanStart(page);
  await dialog.getByText('after an approval').waitFor();
  assert.deepEqual(await violations(page), []);
  await pressOn(page, startButton(page));
  const id = await started(page);
  await page.getByText(`app: ${image}`).waitFor();
  assert.match(await page.title(), /^Change images of \d+ workloads · \d+ %/);

  // The strip of another page says that it waits, until that is dismissed.
  await inState(id, 'pending_approval');
  await pressOn(page, page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Fleet' }));
  const strip = page.getByRole('complementary', { name: 'Your runs' });
  await strip.getByText('needs approval').waitFor();
  await pressOn(page, strip.getByRole('button', { name: /^Dismiss Change images/ }));
  await strip.waitFor({ state: 'detached' });
  await focused(page.locator('#content'));

  const other = await openUi(browser, second, { path: `runs/${id}` });
  t.after(() => other.context().close());
  await other.getByRole('button', { name: 'Approve' }).click();
  await inState(id, 'succeeded');
  await strip.getByText('succeeded').waitFor();
  const { items } = await session.get(`/deployments?name=${name}&cluster=${clusters}`);
  assert.deepEqual([...new Set(items.flatMap(({ images }) => images))], [image]);
  assert.equal(await page.pointed(), 0);
});

test('a run that is to start later says when, and can be aborted before', async (t) => {
  const page = await open(t);
  await propose(page, 'cluster:cluster-a', 'Restart');
  const dialog = dialogOf(page);
  await disclose(page, 'Start and end…');
  await dialog.getByLabel('Start at', { exact: true }).fill(await localTime(page, HOUR + 5 * MINUTE));
  await dialog.getByText(/^in 1 h; .*UTC/).waitFor();
  await dialog.getByLabel('Nothing more is started after').fill(await localTime(page, 3 * HOUR));
  await dialog.getByText(/^in 2 h; .*UTC/).waitFor();
  await whenItCanStart(page);
  assert.deepEqual(await violations(page), []);
  await startButton(page).click();
  const id = await started(page);
  await shows(page, 'scheduled');
  await page.getByText(/^Starts .* in 1 h\.$/).waitFor();
  await page.getByText(/^Nothing more is started after .*UTC/).waitFor();
  assert.deepEqual(await violations(page), []);

  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Runs' }).click();
  const row = page.getByRole('grid', { name: 'Runs' }).getByRole('row').filter({ hasText: 'starts in 1 h' });
  await row.getByRole('link').click();
  await page.getByRole('button', { name: 'Abort…' }).click();
  await page.getByRole('button', { name: 'Abort the run' }).click();
  await shows(page, 'aborted');
  assert.equal((await session.get(`/runs/${id}`)).started_at ?? null, null);
});

test('a half written time starts nothing', async (t) => {
  const page = await open(t);
  await propose(page, 'cluster:cluster-a', 'Restart');
  await disclose(page, 'Start and end…');
  const field = dialogOf(page).getByLabel('Start at', { exact: true });
  await field.focus();
  await page.keyboard.press('1');
  await whenItCanStart(page);
  await startButton(page).click();
  await focused(field);
  await dialogOf(page).waitFor();
  await page.keyboard.press('Escape');
  assert.deepEqual((await session.get('/runs?active=true')).items, []);
});

test('what is wrong with a stage or a time is said beside it', async (t) => {
  const page = await open(t);
  await propose(page, 'cluster:cluster-a,cluster-b', 'Restart');
  const dialog = dialogOf(page);
  await disclose(page, 'Stages…');
  await dialog.getByRole('button', { name: 'Add stages' }).click();
  const [first, rest] = [1, 2].map((row) => dialog.getByRole('group', { name: `Stage ${row}` }));
  const fieldOf = (row, name) => row.getByRole('textbox', { name, exact: true });
  const isWrong = (field) => eventually('the field is marked', async () => (await field.getAttribute('aria-invalid')) === 'true');
  const saidIn = (row, text) => row.getByRole('alert').filter({ hasText: text }).waitFor();

  await fieldOf(first, 'Clusters').fill('nowhere-*');
  await saidIn(first, 'it selects none of the targets');
  await fieldOf(first, 'Clusters').fill('Not_a_name');
  await isWrong(fieldOf(first, 'Clusters'));
  await fieldOf(first, 'Clusters').fill('*');
  await isWrong(fieldOf(rest, 'Clusters'));
  await saidIn(rest, 'nothing is left for this one');
  await fieldOf(first, 'Clusters').fill('cluster-a');
  await fieldOf(first, 'Cluster labels').fill('env==(');
  await isWrong(fieldOf(first, 'Cluster labels'));
  await fieldOf(first, 'Cluster labels').fill('');
  await fieldOf(rest, 'Name').fill('stage 1');
  await isWrong(fieldOf(rest, 'Name'));
  await saidIn(rest, 'an earlier stage has this name');
  assert.deepEqual(await violations(page), []);
  await fieldOf(rest, 'Name').fill('others');
  await whenItCanStart(page);
  await dialog.getByRole('button', { name: 'Remove stage 2' }).click();
  await focused(dialog.getByRole('button', { name: 'Remove stage 1' }));
  await dialog.getByRole('alert').filter({ hasText: 'no stage selects cluster-b' }).waitFor();
  await page.keyboard.press('Enter');
  await focused(dialog.getByRole('button', { name: 'Add stages' }));
  await whenItCanStart(page);

  await disclose(page, 'Start and end…');
  const end = dialog.getByLabel('Nothing more is started after');
  await end.fill(await localTime(page, -HOUR));
  await dialog.getByRole('alert').filter({ hasText: 'it is in the past' }).waitFor();
  await isWrong(end);
  assert.ok(await startButton(page).isDisabled());
});

test('a run in a protected cluster starts only when its name was typed', async (t) => {
  const page = await open(t);
  await propose(page, `cluster:cluster-b,${PROTECTED} health:healthy`, 'Scale');
  const dialog = dialogOf(page);
  await focused(dialog.getByLabel('Replicas'));
  await page.keyboard.type('0');
  await dialog.getByText('No pod will be left').waitFor();
  const confirm = dialog.getByLabel(/^Some of these are protected/);
  await confirm.fill('cluster-b');
  assert.ok(await startButton(page).isDisabled());
  await confirm.fill(PROTECTED);
  await whenItCanStart(page);
  await disclose(page, 'Start and end…');
  await dialog.getByLabel('Start at', { exact: true }).fill(await localTime(page, HOUR + 5 * MINUTE));
  await whenItCanStart(page);
  await startButton(page).click();
  const id = await started(page);
  await page.getByText('Replicas: 0').waitFor();
  await session.post(`/runs/${id}/abort`, {});
  await shows(page, 'aborted');
});

test('on a phone nothing scrolls sideways', async (t) => {
  const page = await open(t, { width: 390, height: 844, theme: 'dark' });
  await propose(page, 'cluster:cluster-a,cluster-b', 'Change images of');
  const dialog = dialogOf(page);
  const isWithin = async (what) => {
    const sizes = () => dialog.evaluate((element) => [element.scrollWidth, element.clientWidth]);
    await eventually(`${what} is within the screen`, async () => {
      const [content, width] = await sizes();
      return content <= width;
    });
    assert.deepEqual(await violations(page), []);
  };
  await isWithin('the image');
  await dialog.getByRole('button', { name: 'Another container' }).click();
  await isWithin('a second image');
  await dialog.getByRole('button', { name: 'Remove image 2' }).click();
  await dialog.getByRole('textbox', { name: 'Image', exact: true }).fill(`registry.example.com/${'a'.repeat(200)}:1`);
  await whenItCanStart(page);
  await disclose(page, 'Strategy in detail…');
  await disclose(page, 'Start and end…');
  await disclose(page, 'Stages…');
  await dialog.getByRole('button', { name: 'Add stages' }).click();
  await isWithin('all of it');
});
