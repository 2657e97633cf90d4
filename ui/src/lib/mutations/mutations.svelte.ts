// Changes of single workloads that were requested on this page; closing the dialog does not stop following them. A change of several is a
// run, which the server carries out.

import { starting } from '$lib/runs/starting.svelte';
import { idOf } from '$lib/workload/ref';

import type { Mutation } from './mutation.svelte';
import type { Candidate, Verb } from './verbs';

/** The change to make after confirmation. */
interface Proposal {
  verb: Verb;
  candidate: Candidate;
  onconfirm?: () => void;
}

class Mutations {
  all = $state.raw<Mutation[]>([]);
  open = $state(false);
  proposal = $state.raw<Proposal>();
  readonly running = $derived(this.all.filter(({ ended }) => !ended));
  readonly failed = $derived(this.all.filter(({ failed }) => failed));

  /** Opens the confirmation for a change of one workload, or the preview of a run for several. */
  propose(verb: Verb, candidates: Candidate[], onconfirm?: () => void): void {
    const [candidate, ...others] = candidates;
    if (candidate === undefined) return;
    if (others.length > 0) {
      starting.propose(verb, { only: candidates.map(({ target }) => idOf(target)) }, onconfirm);
      return;
    }
    this.proposal = { verb, candidate, onconfirm };
    this.open = true;
  }

  /** The proposal is confirmed. */
  begin(mutation: Mutation): void {
    this.all = [...this.running, mutation];
    this.proposal?.onconfirm?.();
    this.proposal = undefined;
    void mutation.run();
  }

  /** Another attempt takes the place of one that was refused. */
  replace(refused: Mutation, attempt: Mutation): void {
    this.all = this.all.map((mutation) => (mutation === refused ? attempt : mutation));
    void attempt.run();
  }

  close(): void {
    this.open = false;
    this.proposal = undefined;
  }
}

export const mutations = new Mutations();
