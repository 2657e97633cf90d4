// The API client; all calls go through it. Types come from the OpenAPI document; the session is a cookie that the browser sends by
// itself, and the browser's own headers prove that the call comes from this page.

import createClient from 'openapi-fetch';

import { prefix } from './prefix';
import { ApiProblem } from './problem';
import type { components, paths } from './schema';
import { send } from './send';

export type Schemas = components['schemas'];

/** A fleet query may take 30 s, and the server limits a call to 60 s. */
const ANSWER_WITHIN = 65_000;

export const api = createClient<paths>({
  baseUrl: location.origin + prefix,
  querySerializer: { array: { style: 'form', explode: false } },
  fetch: (request) =>
    request.headers.has('content-type')
      ? send(request, ANSWER_WITHIN)
      : fetch(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(ANSWER_WITHIN)]) }),
});

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** Resolves after a new sign-in. */
let signedInAgain: () => Promise<void> = () => new Promise(() => {});

export function whenSessionEnds(signIn: () => Promise<void>): void {
  signedInAgain = signIn;
}

/** Receives every failed call. */
let failed: (problem: ApiProblem) => void = () => {};

export function whenCallsFail(hear: (problem: ApiProblem) => void): void {
  failed = hear;
}

/**
 * Makes a call and returns its result. If the session has ended it waits for a new sign-in and repeats the call. Throws `ApiProblem`, or
 * what `signal.throwIfAborted` throws.
 */
export async function ask<T>(call: () => Promise<Answer<T>>, signal?: AbortSignal): Promise<T> {
  for (;;) {
    const problem = await attempt(call);
    if (!(problem instanceof ApiProblem)) {
      return problem.data;
    }
    if (problem.code !== 'unauthenticated') {
      throw problem;
    }
    await signedInAgain();
    signal?.throwIfAborted();
  }
}

/** As `ask`, without a new sign-in: for calls about the session itself. */
export async function askOnce<T>(call: () => Promise<Answer<T>>): Promise<T> {
  const answer = await attempt(call);
  if (answer instanceof ApiProblem) {
    throw answer;
  }
  return answer.data;
}

/**
 * Makes a call that changes something, once. If the session has ended the user must sign in, but the call is not repeated: it may no
 * longer be wanted by then. Throws `ApiProblem`.
 */
export async function change<T>(call: () => Promise<Answer<T>>): Promise<T> {
  const answer = await attempt(call);
  if (!(answer instanceof ApiProblem)) {
    return answer.data;
  }
  if (answer.code !== 'unauthenticated') {
    throw answer;
  }
  void signedInAgain();
  const detail = 'Your session had ended, so nothing was changed. Sign in and try again.';
  throw new ApiProblem({ code: 'unauthenticated', title: 'Not signed in', detail, retryable: false });
}

async function attempt<T>(call: () => Promise<Answer<T>>): Promise<{ data: T } | ApiProblem> {
  try {
    const { data, error, response } = await call();
    if (response.ok) {
      return { data: data as T };
    }
    const problem = ApiProblem.of(error, response);
    failed(problem);
    return problem;
  } catch (thrown) {
    const problem = ApiProblem.thrown(thrown);
    if (problem === undefined) {
      throw thrown;
    }
    return problem;
  }
}
