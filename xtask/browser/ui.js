// The web UI as a person uses it: signing in, and finding things by what they are called.

import { eventually } from './demo.js';

/** For what takes a moment, on a machine that has other things to do as well. Milliseconds. */
export const PATIENCE = 60_000;

/** Three heartbeats are missed, and then noticed. */
export const GONE_WITHIN = 120_000;

/** A page of its own, signed in. `theme`: `light` or `dark`. */
export async function openUi(browser, demo, options) {
  const page = await openPage(browser, demo, options);
  await page.goto(options?.path ?? '');
  await signInAs(page, demo);
  return page;
}

/** One that has not gone anywhere yet. */
export async function openPage(browser, demo, { theme = 'light', width = 1280, height = 800 } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    baseURL: `${demo.url}/ui/`,
  });
  // Of all of its tabs.
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  page.seen = watch(page);
  return page;
}

export async function signInAs(page, { user, password }) {
  await page.getByLabel('User').fill(user);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
}

/** Every request, error and breach of the policy of a page. */
function watch(page) {
  const seen = { requests: [], errors: [] };
  page.on('request', (request) => seen.requests.push(request.url()));
  page.on('pageerror', (error) => seen.errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && /Content Security Policy|TypeError|ReferenceError/.test(message.text())) {
      seen.errors.push(message.text());
    }
  });
  return seen;
}

/** Waits until the focus is there. */
export function focused(locator) {
  return locator.and(locator.page().locator(':focus')).waitFor();
}

/** Whether nothing scrolls any more. */
export function atRest(locator) {
  return locator.evaluate(async (element) => {
    const before = element.scrollTop;
    for (let frame = 0; frame < 10; frame += 1) await new Promise(requestAnimationFrame);
    return element.scrollTop === before;
  });
}

/** The texts of the rows of a virtual list that are seen whole. Rows beside them come and go while it comes to rest. */
export function seenRows(list) {
  return list.evaluate((element) => {
    const { top, bottom } = element.getBoundingClientRect();
    const boxes = [...element.querySelectorAll('[data-index]')].map((row) => ({ row, box: row.getBoundingClientRect() }));
    const seen = boxes.filter(({ box }) => box.top >= top && box.bottom <= bottom).sort((one, other) => one.box.top - other.box.top);
    return seen.map(({ row }) => row.innerText);
  });
}

/** The time of the last restart in the first row of a table, in milliseconds; `undefined` while there is none. */
export async function shownRestart(grid) {
  const shown = await grid.locator('time').first().getAttribute('datetime', { timeout: 1_000 }).catch(() => null);
  return shown === null ? undefined : Date.parse(shown);
}

/** Waits until the first row of a table shows this restart, as the API has answered it. */
export function showsRestart(grid, { restarted_at: time }) {
  return eventually('the row shows the restart', async () => (await shownRestart(grid)) === Date.parse(time), PATIENCE);
}

/** The log says so above the lines that were missed, which may fill more than is seen: it is looked for upwards from the end. */
export function saysThatItWasCut(page) {
  const look = (log) => {
    const found = log.innerText.includes('The stream was cut for');
    log.scrollTop = found || log.scrollTop === 0 ? log.scrollHeight : log.scrollTop - log.clientHeight / 2;
    return found;
  };
  return eventually('the log says that it was cut', () => page.getByRole('log').evaluate(look), PATIENCE);
}
