// Sends requests with a body, which may be changes. A request that waits for a free connection times out, so that no change is made after
// the user has given up. `fetch` does not report when a request was sent; `XMLHttpRequest` does.

import { ApiProblem } from './problem';

/** Milliseconds that a request may wait for a connection. */
const SENT_WITHIN = 5_000;

/** As `fetch`. Also throws an `ApiProblem` with the code `not_sent`; then the request is never sent. */
export async function send(request: Request, within: number): Promise<Response> {
  const body = await request.text();
  request.signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    const giveUp = (reason: unknown) => {
      call.abort();
      reject(reason);
    };
    const timer = setTimeout(() => giveUp(notSent()), SENT_WITHIN);
    call.upload.onload = () => clearTimeout(timer);
    call.onload = () => resolve(answerOf(call));
    call.onerror = () => reject(new TypeError('not reachable'));
    call.ontimeout = () => reject(new DOMException('no answer in time', 'TimeoutError'));
    call.onloadend = () => clearTimeout(timer);
    request.signal.addEventListener('abort', () => giveUp(request.signal.reason), { once: true });
    call.open(request.method, request.url);
    call.timeout = within;
    call.responseType = 'arraybuffer';
    request.headers.forEach((value, name) => call.setRequestHeader(name, value));
    call.send(body);
  });
}

function answerOf(call: XMLHttpRequest): Response {
  const lines = call.getAllResponseHeaders().trim().split('\r\n');
  const headers = lines.map((line) => line.split(/: ?(.*)/s).slice(0, 2) as [string, string]);
  // Statuses without content allow no body.
  const hasBody = ![204, 205, 304].includes(call.status);
  return new Response(hasBody ? (call.response as ArrayBuffer) : null, {
    status: call.status,
    statusText: call.statusText,
    headers,
  });
}

function notSent(): ApiProblem {
  const why = `The browser had no free connection to the aggregator for ${SENT_WITHIN / 1_000} s.`;
  const detail = `${why} Nothing was sent, and nothing will be. Close other tabs of this page, then try again.`;
  return new ApiProblem({ code: 'not_sent', title: 'Not sent', detail });
}
