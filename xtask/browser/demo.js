// Starts the real demo for a test, in its own directory and on its own ports.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const workspace = new URL('../..', import.meta.url);
// The programs may have to be built first.
const upWithin = 20 * 60_000;

/** A demo that may fail to start. `exited` resolves to its exit code and its whole output. */
export function spawnDemo(...flags) {
  const child = spawn('cargo', ['xtask', 'demo', ...flags], {
    cwd: workspace,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => (output += text));
  }
  const exited = once(child, 'close').then(([code]) => ({ code, output }));
  return { child, exited };
}

/** A running demo, for an engineer who works on a test: DEMO is its directory. */
async function runningDemo(data) {
  const exited = Promise.resolve({ code: 0, output: '' });
  return { ...JSON.parse(await readFile(join(data, 'demo.json'), 'utf8')), data, exited, stop: () => exited };
}

/** As many workloads as there are deployments, unless a test says otherwise. */
const deploymentsAlone = ['--statefulsets', '0', '--daemonsets', '0'];

/** Resolves to the content of `demo.json`, with `data`, `exited` and `stop()`. */
export async function startDemo(...flags) {
  if (process.env.DEMO) {
    return runningDemo(process.env.DEMO);
  }
  const data = await mkdtemp(join(tmpdir(), 'demo-'));
  const anyPort = ['--http', '127.0.0.1:0', '--nats', '127.0.0.1:0'];
  const kinds = flags.includes('--statefulsets') ? [] : deploymentsAlone;
  const { child, exited } = spawnDemo(...anyPort, '--data', data, ...kinds, ...flags);
  const stop = async () => {
    child.kill('SIGTERM');
    const end = await exited;
    await rm(data, { recursive: true });
    return end;
  };
  const deadline = Date.now() + upWithin;
  while (Date.now() < deadline && child.exitCode === null) {
    const announced = await readFile(join(data, 'demo.json'), 'utf8').catch(() => null);
    if (announced !== null) {
      return { ...JSON.parse(announced), pid: child.pid, data, exited, stop };
    }
    await pause(100);
  }
  const { output } = await stop();
  throw new Error(`the demo did not come up:\n${output}`);
}

/** A session for programs: `get`, `post`, `patch` and `remove` return the JSON of a 200. */
export async function signIn({ url, user, password }) {
  const login = await fetch(`${url}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: user, password }),
  });
  if (login.status !== 200) {
    throw new Error(`sign-in: ${login.status} ${await login.text()}`);
  }
  const { access_token: token } = await login.json();
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const call = (method) => async (path, body) => {
    const answer = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
    if (answer.status !== 200) {
      throw Object.assign(new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`), { status: answer.status });
    }
    return answer.json();
  };
  return { get: call('GET'), post: call('POST'), patch: call('PATCH'), remove: call('DELETE') };
}

/**
 * Polls `look` until it returns something. A 503 is "not yet": the aggregator reconnects by itself after a server was stopped and
 * continued.
 */
export async function eventually(what, look, within = 60_000, every = 50) {
  const deadline = Date.now() + within;
  for (;;) {
    let unavailable;
    try {
      const found = await look();
      if (found) {
        return found;
      }
    } catch (error) {
      if (error.status !== 503) {
        throw error;
      }
      unavailable = error;
    }
    if (Date.now() > deadline) {
      throw new Error(`${what}: not within ${within} ms`, { cause: unavailable });
    }
    await pause(every);
  }
}
