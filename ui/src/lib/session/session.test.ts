import { describe, expect, it, vi } from 'vitest';

import { ApiProblem } from '$lib/api';

import { session } from './session.svelte';

const page = vi.hoisted(() => {
  const page = { origin: 'http://mca.example', protocol: 'http:' };
  vi.stubGlobal('location', page);
  return page;
});

// It uses `XMLHttpRequest`, which Node lacks.
vi.mock('$lib/api/send', () => ({ send: (request: Request) => globalThis.fetch(request) }));

/** The problem of a sign-in with the right password, after which `GET /me` is answered so. */
async function signIn(status: number, code: string): Promise<ApiProblem> {
  const answers: Record<string, [number, object]> = {
    '/login': [200, { access_token: 'mca_x', token_type: 'bearer', expires_in: 60 }],
    '/me': [status, { code, detail: 'a text for programs', title: code, retryable: false }],
  };
  vi.stubGlobal('fetch', async (request: Request) => {
    const [status, body] = answers[new URL(request.url).pathname] ?? [404, {}];
    return Promise.resolve(Response.json(body, { status }));
  });
  const thrown: unknown = await session.signIn('ana', 'a password').then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(ApiProblem);
  return thrown as ApiProblem;
}

describe('no session right after a sign-in', () => {
  it('on plain HTTP is a cookie that was not kept, and not a wrong password', async () => {
    page.protocol = 'http:';
    const problem = await signIn(401, 'unauthenticated');
    expect(problem.code).toBe('cookie_lost');
    expect(problem.message).toContain('not on HTTPS');
    expect(problem.message).toContain('--cookie-secure');
  });

  it('on HTTPS is a browser without cookies', async () => {
    page.protocol = 'https:';
    const problem = await signIn(401, 'unauthenticated');
    expect(problem.message).toContain('Allow cookies');
    expect(problem.message).not.toContain('HTTPS');
  });

  it('is not any other failure', async () => {
    expect((await signIn(503, 'bus_unavailable')).code).toBe('bus_unavailable');
  });
});
