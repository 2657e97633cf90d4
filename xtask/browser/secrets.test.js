// Passwords, tokens and private keys must never be exposed: searches every output of the running system for them, with all logs at
// their most verbose level.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { eventually, startDemo } from './demo.js';

const seed = /\bS[OAU][A-Z2-7]{56}\b/g;

async function filesUnder(dir) {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Every private key in the files under a directory. */
async function seedsUnder(dir) {
  const texts = await Promise.all((await filesUnder(dir)).map((file) => readFile(file, 'latin1')));
  return texts.flatMap((text) => text.match(seed) ?? []);
}

/** One call; returns the whole response as text. */
async function call(demo, method, path, { token, body } = {}) {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  const answer = await fetch(demo.url + path, { method, headers, body: body && JSON.stringify(body) });
  return { status: answer.status, text: await answer.text() };
}

/** Uses every kind of secret, right and wrong; returns each secret with its description. */
async function useSecrets(demo) {
  const secrets = { password: demo.password, 'a wrong password': 'wrong-canary-7f3a', 'a wrong token': 'mca_canary-51c0' };
  const login = (password) => call(demo, 'POST', '/login', { body: { username: demo.user, password } });
  secrets['session token'] = JSON.parse((await login(demo.password)).text).access_token;
  const token = secrets['session token'];
  assert.equal((await login(secrets['a wrong password'])).status, 401);
  assert.equal((await call(demo, 'GET', '/me', { token: secrets['a wrong token'] })).status, 401);

  const enrolled = JSON.parse((await call(demo, 'POST', '/clusters/cluster-x/enroll', { token, body: {} })).text);
  const invited = JSON.parse((await call(demo, 'POST', '/clusters/cluster-y/invite', { token, body: {} })).text);
  const path = new URL(invited.url).pathname;
  secrets['link'] = path.split('/').pop();
  const joined = await call(demo, 'POST', path);
  assert.equal(joined.status, 200, joined.text);
  assert.equal((await call(demo, 'POST', path)).status, 404);
  for (const [what, manifest] of Object.entries({ 'manifest of enroll': enrolled.manifest, 'manifest of a link': joined.text })) {
    const creds = manifest.match(/agent\.creds: "?([A-Za-z0-9+/=]+)/)[1];
    const [key] = Buffer.from(creds, 'base64').toString().match(seed);
    secrets[`private key in the ${what}`] = key;
    secrets[`${what}, as it is written there`] = creds;
  }
  for (const cluster of ['cluster-x', 'cluster-y', 'cluster-a']) {
    const revoked = await call(demo, 'DELETE', `/clusters/${cluster}`, { token });
    assert.equal(revoked.status, 200, revoked.text);
  }
  await call(demo, 'POST', '/clusters/cluster-z/enroll', { token, body: { credential_request: secrets['private key in the manifest of enroll'] } });
  return secrets;
}

/** Everything that an unauthorised person may see, by location. */
async function traces(demo, token) {
  const found = {};
  for (const file of await filesUnder(join(demo.data, 'logs'))) {
    found[file] = await readFile(file, 'latin1');
  }
  for (const file of await filesUnder(join(demo.data, 'nats'))) {
    if (!file.includes('/keys/operator/') && !file.includes('/keys/aggregator/') && !file.endsWith('.creds')) {
      found[file] = await readFile(file, 'latin1');
    }
  }
  for (const [part, pid] of Object.entries(demo.pids)) {
    for (const what of ['cmdline', 'environ']) {
      found[`${what} of ${part}`] = await readFile(`/proc/${pid}/${what}`, 'latin1');
    }
  }
  const audit = await call(demo, 'GET', '/audit?limit=500', { token });
  assert.match(audit.text, /cluster-y/);
  found.audit = audit.text;
  return found;
}

test('no password, token or private key is in any log, store, audit, command line or environment', async (t) => {
  process.env.MCA_LOG = 'trace';
  process.env.RUST_LOG = 'trace';
  t.after(() => ['MCA_LOG', 'RUST_LOG'].forEach((name) => delete process.env[name]));
  const demo = await startDemo('--clusters', '2', '--namespaces', '1', '--deployments', '2');
  t.after(demo.stop);

  const secrets = await useSecrets(demo);
  const log = join(demo.data, 'logs/agent-cluster-a.log');
  await eventually('the revoked agent is refused', async () => /was revoked/.test(await readFile(log, 'utf8')));
  const keys = [...(await seedsUnder(join(demo.data, 'nats/keys'))), ...(await seedsUnder(join(demo.data, 'agents')))];
  assert.ok(keys.length >= 12, `the search finds the keys: ${keys.length}`);
  const found = await traces(demo, secrets['session token']);
  assert.ok(Object.keys(found).some((where) => where.endsWith('aggregator.log')));
  assert.ok(Object.keys(found).some((where) => where.endsWith('.blk')), 'the store is among what is searched');

  for (const [where, text] of Object.entries(found)) {
    for (const [what, secret] of Object.entries(secrets)) {
      assert.ok(secret.length > 10 && !text.includes(secret), `${what} is in ${where}`);
    }
    for (const key of keys) {
      assert.ok(!text.includes(key), `a private key is in ${where}`);
    }
  }
});
