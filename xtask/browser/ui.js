// The web UI as a person uses it: signing in, and finding elements by their visible names.

import { eventually } from './demo.js';

/** Timeout in milliseconds for short operations, on a busy machine. */
export const PATIENCE = 60_000;

/** Three heartbeats are missed, then that is detected. */
export const GONE_WITHIN = 120_000;

/** A new page, signed in. `theme`: `light` or `dark`. */
export async function openUi(browser, demo, options) {
  const page = await openPage(browser, demo, options);
  await page.goto(options?.path ?? '');
  await signInAs(page, demo);
  return page;
}

/** A page that has not been navigated yet. */
export async function openPage(browser, demo, { theme = 'light', width = 1280, height = 800 } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    baseURL: `${demo.url}/ui/`,
  });
  // Of all its tabs.
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

/** Every request, error and policy violation of a page. */
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

/** Whether all scrolling has ended. */
export function atRest(locator) {
  return locator.evaluate(async (element) => {
    const before = element.scrollTop;
    for (let frame = 0; frame < 10; frame += 1) await new Promise(requestAnimationFrame);
    return element.scrollTop === before;
  });
}

/** The texts of the fully visible rows of a virtual list. Rows next to them come and go while it settles. */
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

/** Waits until the first row of a table shows this restart, as returned by the API. */
export function showsRestart(grid, { restarted_at: time }) {
  return eventually('the row shows the restart', async () => (await shownRestart(grid)) === Date.parse(time), PATIENCE);
}

/** The log has a note above the missed lines, which may fill more than the view: it is searched upwards from the end. */
export function saysThatItWasCut(page) {
  const look = (log) => {
    const found = log.innerText.includes('The stream was cut for');
    log.scrollTop = found || log.scrollTop === 0 ? log.scrollHeight : log.scrollTop - log.clientHeight / 2;
    return found;
  };
  return eventually('the log says that it was cut', () => page.getByRole('log').evaluate(look), PATIENCE);
}
