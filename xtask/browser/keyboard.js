// The web UI without a pointer: every action uses the keyboard.

import { eventually } from './demo.js';
import { focused, openPage } from './ui.js';

/** Far more than the number of tab stops on any page. */
const MOST_STOPS = 150;

/** A new page, signed in by keyboard. `page.pointed` counts pointer events there: it must stay zero. */
export async function openByKeyboard(browser, demo, options) {
  const page = await openPage(browser, demo, options);
  page.pointed = () => page.evaluate(() => globalThis.pointed ?? 0);
  await page.addInitScript(() => addEventListener('pointerdown', () => (globalThis.pointed = (globalThis.pointed ?? 0) + 1), true));
  await page.goto(options?.path ?? '');
  await signInByKeyboard(page, demo);
  return page;
}

export async function signInByKeyboard(page, { user, password }) {
  await write(page, page.getByLabel('User'), user);
  await write(page, page.getByLabel('Password'), password);
  await page.keyboard.press('Enter');
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
}

/** Presses Tab until the focus is on it. */
export async function tabTo(page, locator, key = 'Tab') {
  await locator.waitFor();
  for (let stops = 0; stops < MOST_STOPS; stops += 1) {
    if (await isFocused(locator)) return;
    await page.keyboard.press(key);
  }
  throw new Error(`no ${key} leads to ${locator}`);
}

/** Moves the focus to something and presses a key there. */
export async function pressOn(page, locator, key = 'Enter') {
  await tabTo(page, locator);
  await page.keyboard.press(key);
}

export async function write(page, field, text) {
  await tabTo(page, field);
  await page.keyboard.press('Control+a');
  await page.keyboard.type(text);
}

/** Opens one of the pages: `g` and its key. Both must be pressed within a second, which a busy machine may not manage at once. */
export function goTo(page, key, path) {
  return eventually(`the page ${path}`, async () => {
    await page.keyboard.press('g');
    await page.keyboard.press(key);
    return page
      .waitForURL((url) => url.pathname === `/ui/${path}`, { timeout: 2_000 })
      .then(() => true)
      .catch(() => false);
  });
}

/** Focuses the search of a page that has just been opened, which may not handle keys yet. */
export function goToSearch(page) {
  return eventually('the search has the focus', async () => {
    await page.keyboard.press('/');
    const box = page.locator('input[type=search]:focus');
    return box.waitFor({ timeout: 2_000 }).then(() => true, () => false);
  });
}

/** Moves the focus to the first row of a visible table. */
export async function goToFirstRow(page) {
  await page.keyboard.press('j');
  await page.locator('[role=row]:focus').waitFor();
}

/** Searches the table of workloads for a unique name, and focuses its row. */
export async function find(page, text, name) {
  await goToSearch(page);
  await page.keyboard.press('Control+a');
  await page.keyboard.type(text);
  await page.getByText(/^1 workload$/).waitFor();
  await page.keyboard.press('Escape');
  const row = page.getByRole('grid', { name: 'Workloads' }).locator('[role=row]:focus');
  await eventually('the row has the focus', async () => {
    await page.keyboard.press('j');
    return row
      .getByText(name, { exact: true })
      .waitFor({ timeout: 2_000 })
      .then(() => true)
      .catch(() => false);
  });
}

/** Confirms the restart in the open dialog. Enter alone would cancel it. */
export async function confirmRestart(page, name) {
  const dialog = page.getByRole('dialog');
  await focused(dialog.getByRole('button', { name: 'Cancel' }));
  await pressOn(page, dialog.getByRole('button', { name: `Restart ${name}` }));
}

function isFocused(locator) {
  return locator.evaluate((element) => element === document.activeElement);
}
