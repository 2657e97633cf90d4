// The users of a demo.

import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { eventually, signIn } from './demo.js';

/** The reload interval of the file. Each sign-in before the reload is a wrong one, and only a few of those are allowed at once. */
const READ_EVERY = 1_000;

/** Changes the users file; `undefined` removes a user. Resolves to the users before. */
export async function setUser(demo, name, user) {
  const file = join(demo.data, 'users.json');
  const { users, ...rest } = JSON.parse(await readFile(file, 'utf8'));
  await writeFile(`${file}.next`, JSON.stringify({ ...rest, users: { ...users, [name]: user } }), { mode: 0o600 });
  await rename(`${file}.next`, file);
  return users;
}

/** A user with the password of the demo's user, and these grants instead of that user's. Resolves to the account. */
export async function addUser(demo, name, grants) {
  const { [demo.user]: user } = await setUser(demo, name, undefined);
  await setUser(demo, name, { ...user, grants: grants ?? user.grants });
  const account = { ...demo, user: name };
  await knows(account);
  return account;
}

/** Waits until a user who was added to the users file can sign in. */
export function knows(account) {
  return eventually(`${account.user} is known`, () => signIn(account).catch(() => undefined), 60_000, READ_EVERY);
}
