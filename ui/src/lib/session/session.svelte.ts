// The signed-in user. A session that ends while the page is open is renewed by a sign-in on that page; calls that wait for it then
// continue.

import { api, askOnce, change, ApiProblem, prefix, whenSessionEnds, type Schemas } from '$lib/api';

import { covers, coversAll } from './grant';

export type Right = Schemas['Right'];

type State = 'unknown' | 'unreachable' | 'signed_out' | 'signed_in' | 'ended';

class Session {
  me = $state.raw<Schemas['Me']>();
  state = $state<State>('unknown');
  /** Why the session is unknown, while the state is `unreachable`. */
  problem = $state.raw<ApiProblem>();
  #waiting: (() => void)[] = [];

  constructor() {
    whenSessionEnds(() => this.#ended());
  }

  /** Checks whether the browser already has a session. */
  async open(): Promise<void> {
    try {
      this.#begin(await askOnce(() => api.GET('/me')));
    } catch (error) {
      this.problem = ApiProblem.thrown(error);
      this.state = this.problem?.code === 'unauthenticated' ? 'signed_out' : 'unreachable';
    }
  }

  async signIn(username: string, password: string): Promise<void> {
    await askOnce(() => api.POST('/login', { body: { username, password } }));
    const me = await askOnce(() => api.GET('/me')).catch(async (error: unknown) => {
      throw (await import('./cookieLost')).explained(error);
    });
    if (this.me && this.me.user !== me.user) {
      // The content of the page was for another user.
      location.reload();
      return;
    }
    this.#begin(me);
  }

  async signOut(): Promise<void> {
    await change(() => api.POST('/logout'));
    location.assign(`${prefix}/ui/`);
  }

  /** What to show; the server decides. Without a cluster: in any cluster. */
  may(right: Right, cluster?: string, namespace?: string): boolean {
    return this.me?.grants.some((grant) => covers(grant, right, cluster, namespace)) ?? false;
  }

  /** For actions that belong to no cluster. */
  mayEverywhere(right: Right): boolean {
    return this.me?.grants.some((grant) => coversAll(grant, right)) ?? false;
  }

  #begin(me: Schemas['Me']): void {
    this.me = me;
    this.state = 'signed_in';
    this.#waiting.splice(0).forEach((go) => go());
  }

  #ended(): Promise<void> {
    if (this.state === 'signed_in') {
      this.state = 'ended';
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

export const session = new Session();
