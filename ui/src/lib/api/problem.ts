// The one error type of calls: the API's problem (RFC 9457), or why there was no response.

import type { components } from './schema';

type Wire = components['schemas']['Problem'];

/** The last five are from the browser; all other codes are the API's. */
export type ProblemCode =
  components['schemas']['ProblemCode'] | 'unreachable' | 'no_answer' | 'not_sent' | 'unreadable' | 'cookie_lost';

/** Messages for people instead of the API's texts for programs. */
const WORDS: Partial<Record<string, string>> = {
  cluster_offline: 'No agent of the cluster is connected.',
};

export class ApiProblem extends Error {
  readonly code: ProblemCode;
  readonly title: string;
  readonly retryable: boolean;
  /** The invalid field of the request. */
  readonly field: string | undefined;
  readonly requestId: string | undefined;
  readonly operationId: string | undefined;
  readonly status: number | undefined;

  constructor(wire: Partial<Wire> & { code: string; detail: string }) {
    super(WORDS[wire.code] ?? wire.detail);
    this.code = wire.code as ProblemCode;
    this.title = wire.title ?? wire.code;
    this.retryable = wire.retryable ?? true;
    this.field = wire.field ?? undefined;
    this.requestId = wire.request_id || undefined;
    this.operationId = wire.operation_id ?? undefined;
    this.status = wire.status;
  }

  /** From the body of a failed call, which may come from a proxy. */
  static of(body: unknown, response: Response): ApiProblem {
    if (isWire(body)) {
      return new ApiProblem(body);
    }
    return new ApiProblem({
      code: 'unreadable',
      title: `HTTP ${response.status}`,
      detail: `The answer was HTTP ${response.status} and not one of the API's: a proxy in between may have written it.`,
      status: response.status,
      request_id: response.headers.get('x-request-id') ?? '',
    });
  }

  /** From what a call threw. `undefined` if the caller aborted it. */
  static thrown(error: unknown): ApiProblem | undefined {
    if (error instanceof ApiProblem) {
      return error;
    }
    if (error instanceof DOMException && error.name === 'AbortError') {
      return undefined;
    }
    if (error instanceof DOMException && error.name === 'TimeoutError') {
      return new ApiProblem({ code: 'no_answer', title: 'No answer', detail: 'The server did not answer in time.' });
    }
    if (error instanceof TypeError) {
      const detail = 'The server cannot be reached. It may be restarting, or the network is down.';
      return new ApiProblem({ code: 'unreachable', title: 'Not reachable', detail });
    }
    throw error;
  }
}

function isWire(body: unknown): body is Wire {
  return typeof body === 'object' && body !== null && 'code' in body && 'detail' in body;
}
