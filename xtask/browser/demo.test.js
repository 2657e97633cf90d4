import assert from 'node:assert/strict';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { eventually, signIn, spawnDemo, startDemo } from './demo.js';

const small = ['--clusters', '1', '--namespaces', '1', '--deployments', '1'];

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('one signal stops every part, and demo.json goes with them', async (t) => {
  const demo = await startDemo(...small);
  t.after(demo.stop);
  const pids = Object.values(demo.pids);
  assert.deepEqual(Object.keys(demo.pids).sort(), ['agent cluster-a', 'aggregator', 'k8s-sim', 'nats']);
  assert.ok(pids.every(isRunning));

  process.kill(demo.pid, 'SIGTERM');
  const { code, output } = await demo.exited;

  assert.equal(code, 0, output);
  assert.deepEqual(pids.filter(isRunning), []);
  await assert.rejects(access(join(demo.data, 'demo.json')));
});

test('a part that dies is named, the others are stopped, and the demo fails', async (t) => {
  const demo = await startDemo(...small);
  t.after(demo.stop);

  process.kill(demo.pids['agent cluster-a'], 'SIGKILL');
  const { code, output } = await demo.exited;

  assert.notEqual(code, 0);
  assert.match(output, /agent cluster-a ended \(signal: 9/);
  assert.deepEqual(Object.values(demo.pids).filter(isRunning), []);
});

test('a cluster that is deleted is revoked for good, and forgotten', async (t) => {
  const demo = await startDemo(...small);
  t.after(demo.stop);
  const session = await signIn(demo);

  const { revoked } = await session.remove('/clusters/cluster-a');

  assert.equal(revoked.length, 1);
  const log = join(demo.data, 'logs/agent-cluster-a.log');
  await eventually('the agent says why it is cut off', async () => /was revoked/.test(await readFile(log, 'utf8')));
  const { items } = await session.get('/clusters');
  assert.deepEqual(items, []);
});

test('an address in use gets one line that says which and what to do', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const address = `127.0.0.1:${server.address().port}`;

  const data = await mkdtemp(join(tmpdir(), 'demo-'));
  t.after(() => rm(data, { recursive: true }));

  const flags = ['--http', address, '--nats', '127.0.0.1:0', '--data', data];
  const { code, output } = await spawnDemo(...flags).exited;

  assert.notEqual(code, 0);
  const expected = `error: ${address} is in use: stop what listens there, or give another address with --http\n`;
  assert.equal(output, expected);
});
