// Every page of the UI, and how to open it: for tests that visit all of them, and for screenshots.

import { goToFirstRow } from './keyboard.js';

const rows = (page, table) => page.getByRole('grid', { name: table }).getByRole('row').nth(1);

async function workloads(page, search = '') {
  await page.goto(`workloads${search}`);
  await rows(page, 'Workloads').waitFor();
}

async function dialog(page) {
  await page.getByRole('dialog').waitFor();
}

async function detail(page) {
  await page.getByRole('heading', { name: 'Rollout' }).waitFor();
  await page.getByRole('region', { name: 'Table of pods' }).getByRole('button').first().waitFor();
  await page.getByText('No changes through this tool').or(page.getByText('admin restart')).first().waitFor();
}

/** Opens the page of the first workload, by its link. */
async function workload(page) {
  await workloads(page, '?sort=name');
  await page.goto(await rows(page, 'Workloads').getByRole('link').first().getAttribute('href'));
  await detail(page);
}

/** Opens its log. */
async function logs(page, search = '') {
  await workload(page);
  await page.goto(`${page.url()}/logs${search}`);
  await page.getByRole('log').getByText('INFO').first().waitFor();
}

/** Opens the export dialog of the activity. */
async function exporting(page) {
  await page.goto('activity?verb=enroll');
  await rows(page, 'Activity').waitFor();
  await page.locator('summary').filter({ hasText: 'Export' }).click();
  await page.getByText('CSV').waitFor();
}

/** By name: how to open it from the fleet page after sign-in. */
export const screens = {
  fleet: async (page) => rows(page, 'Clusters').waitFor(),
  'fleet-keys': async (page) => {
    await page.keyboard.press('?');
    await dialog(page);
  },
  'fleet-palette': async (page) => {
    await page.keyboard.press('Control+k');
    await page.getByRole('option').first().waitFor();
  },
  'fleet-add-cluster': async (page) => {
    await page.getByRole('button', { name: 'Add a cluster' }).click();
    await page.getByLabel('Name').fill('prod-eu-9');
    await page.getByRole('button', { name: 'Make the command' }).click();
    await page.getByRole('button', { name: 'Copy the command' }).waitFor();
  },
  workloads: (page) => workloads(page),
  'workloads-grouped': async (page) => {
    await workloads(page, '?group=name');
    await goToFirstRow(page);
    await page.keyboard.press('Enter');
    await page.getByRole('grid', { name: 'Workloads' }).getByRole('link').first().waitFor();
  },
  'workloads-compact': async (page) => {
    await workloads(page, '?sort=name');
    await page.locator('summary', { hasText: 'Columns' }).click();
    await page.getByLabel('Compact rows').check();
  },
  'workloads-none': async (page) => {
    await page.goto('workloads?q=no-such-deployment');
    await page.getByText('No workload matches').waitFor();
  },
  'workloads-restart': async (page) => {
    await workloads(page, '?sort=-health');
    await goToFirstRow(page);
    await page.keyboard.press('r');
    await dialog(page);
  },
  'workloads-selected': async (page) => {
    await workloads(page, '?sort=-health');
    await goToFirstRow(page);
    await page.keyboard.press('x');
    await page.getByText('1 selected').waitFor();
  },
  'workloads-change-all': async (page) => {
    await workloads(page, '?sort=name');
    await page.locator('summary').filter({ hasText: 'Change all' }).click();
    await page.getByRole('button', { name: 'Restart all that match…' }).click();
    const start = page.getByRole('dialog').getByRole('button', { name: /^Restart \d/, disabled: false });
    await start.waitFor();
  },
  'workloads-detail': async (page) => {
    await workloads(page, '?sort=-health');
    await goToFirstRow(page);
    await page.keyboard.press('Enter');
    await detail(page);
  },
  workload: async (page) => {
    await workload(page);
    await page.getByRole('region', { name: 'Table of pods' }).getByRole('button').first().click();
  },
  logs: (page) => logs(page),
  'logs-search': async (page) => {
    await logs(page, '?q=request&wrap');
    await page.keyboard.press('n');
    await page.locator('mark').first().waitFor();
  },
  'logs-containers': async (page) => {
    await logs(page, '?times=no');
    await page.locator('summary').filter({ hasText: 'container' }).click();
    await page
      .getByRole('button', { name: /^Only / })
      .first()
      .waitFor();
  },
  runs: async (page) => {
    await page.goto('runs');
    await page.getByRole('grid', { name: 'Runs' }).or(page.getByText('No runs in the last 30 days')).waitFor();
  },
  activity: async (page) => {
    await page.goto('activity');
    await rows(page, 'Activity').waitFor();
  },
  'activity-none': async (page) => {
    await page.goto('activity?user=nobody&outcome=failed');
    await page.getByText('No matches').waitFor();
  },
  'activity-export': exporting,
  'activity-exported': async (page) => {
    await exporting(page);
    await page.getByRole('button', { name: /^CSV/ }).click();
    await page.getByText('were written').waitFor();
  },
  account: async (page) => {
    await page.goto('account');
    await page.getByText('What you may do').waitFor();
  },
};
