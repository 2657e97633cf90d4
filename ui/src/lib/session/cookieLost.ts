// Loaded only when needed.

import { ApiProblem } from '$lib/api';

/** Why there is no session right after a sign-in: the browser did not keep its cookie. Returns other errors as they are. */
export function explained(error: unknown): unknown {
  if (ApiProblem.thrown(error)?.code !== 'unauthenticated') {
    return error;
  }
  const remedy =
    location.protocol === 'http:'
      ? 'since this page is not on HTTPS. Open it on HTTPS, or let the aggregator be started with --cookie-secure false.'
      : 'for this page. Allow cookies here and sign in again.';
  const detail = `The password was right, but your browser did not keep the session's cookie ${remedy}`;
  return new ApiProblem({ code: 'cookie_lost', title: 'Cookie not kept', detail });
}
