import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launch } from './chromium.js';
import { eventually, signIn, startDemo } from './demo.js';
import { authorize, execute } from './swagger.js';
import { PATIENCE } from './ui.js';

let demo;
let browser;

before(async () => {
  demo = await startDemo('--clusters', '2', '--namespaces', '2', '--deployments', '5');
  browser = await launch();
});

after(async () => {
  await browser?.close();
  const stopped = await demo?.stop();
  assert.equal(stopped?.code, 0, stopped?.output);
});

/** Every request and error of a page, and every policy violation. */
function watch(page) {
  const seen = { requests: [], errors: [] };
  page.on('request', (request) => seen.requests.push(request.url()));
  page.on('pageerror', (error) => seen.errors.push(error.message));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) {
      seen.errors.push(message.text());
    }
  });
  return seen;
}

async function healthyDeployment(session, cluster) {
  const { items: namespaces } = await session.get(`/namespaces/${cluster}`);
  for (const { namespace } of namespaces) {
    const { items } = await session.get(`/deployments/${cluster}/${namespace}`);
    const healthy = items.find(({ health }) => health === 'healthy');
    if (healthy) {
      return healthy;
    }
  }
  throw new Error('no healthy deployment');
}

test('a person signs in in Swagger UI, lists the clusters and restarts a deployment', async () => {
  const cluster = demo.clusters[0];
  const session = await signIn(demo);
  const before = await healthyDeployment(session, cluster);
  const { namespace, deployment_name } = before;

  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  const seen = watch(page);
  const opened = await page.goto(`${demo.url}/docs`);
  const policy = opened.headers()['content-security-policy'];
  assert.match(policy, /^default-src 'none'; script-src 'self';/);
  assert.doesNotMatch(policy, /unsafe|\*|https?:/);
  await authorize(page, demo);

  const clusters = await execute(page, 'get', '/clusters');
  assert.equal(clusters.status, 200);
  assert.deepEqual(clusters.json.items.map((item) => item.cluster).sort(), demo.clusters);
  assert.ok(clusters.json.items.every((item) => item.presence === 'online'));

  const restart = await execute(page, 'post', '/restart', { cluster, namespace, deployment_name });
  assert.equal(restart.status, 200, JSON.stringify(restart.json));
  assert.ok(restart.json.operation_id, JSON.stringify(restart.json));

  const after = await eventually('the restart is seen in the cluster', async () => {
    const { items } = await session.get(`/deployments/${cluster}/${namespace}`);
    const now = items.find((item) => item.deployment_name === deployment_name);
    return now.restarted_at !== before.restarted_at && now;
  });
  assert.equal(Date.parse(after.restarted_at), Date.parse(restart.json.restarted_at));

  assert.deepEqual(seen.requests.filter((url) => !url.startsWith(demo.url) && !url.startsWith('data:')), []);
  assert.deepEqual(seen.errors, []);
});

test('a wrong password is refused in the dialog', async () => {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.goto(`${demo.url}/docs`);
  await assert.rejects(authorize(page, { ...demo, password: 'wrong' }), /Swagger UI: /);
});
