// Further programs beside those of a demo, started in the same way, optionally with other flags.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { eventually } from './demo.js';

/** Starts the same program as this process id, with some flags replaced. It is stopped at the end of the test. */
async function startLike(pid, instead, t) {
  const [program, ...given] = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').slice(0, -1);
  const flags = given.map((value, index) => instead[given[index - 1]] ?? value);
  const child = spawn(program, flags, { stdio: 'ignore' });
  const exited = once(child, 'exit');
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  t.after(kill);
  return kill;
}

/** An agent for a newly enrolled cluster, beside the demo's agent of the same simulated cluster. */
export async function startAgent(t, demo, cluster, manifest) {
  const dir = await mkdtemp(join(tmpdir(), 'agent-'));
  t.after(() => rm(dir, { recursive: true }));
  const creds = join(dir, 'agent.creds');
  await writeFile(creds, Buffer.from(manifest.match(/agent\.creds: "?([A-Za-z0-9+/=]+)/)[1], 'base64'), { mode: 0o600 });
  await startLike(demo.pids['agent cluster-a'], { '--cluster-name': cluster, '--nats-creds': creds }, t);
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** A second aggregator on the demo's bus, which can be killed and restarted at its address: `url`, `kill()`, `start()`. */
export async function startAggregator(t, demo) {
  const address = `127.0.0.1:${await freePort()}`;
  const url = `http://${address}`;
  const aggregator = { url, kill: undefined, start: undefined };
  aggregator.start = async () => {
    aggregator.kill = await startLike(demo.pids.aggregator, { '--listen': address }, t);
    await eventually('the aggregator is ready', () => fetch(`${url}/readyz`).then(({ ok }) => ok, () => false));
  };
  await aggregator.start();
  return aggregator;
}
