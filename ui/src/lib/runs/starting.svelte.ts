// A run that is about to be started: its dialog is open.

import type { Verb } from '$lib/mutations/verbs';

import type { Selector } from './selector';

interface Proposal {
  verb: Verb;
  selector: Selector;
  /** When it was started. */
  onstart?: () => void;
}

class Starting {
  proposal = $state.raw<Proposal>();

  propose(verb: Verb, selector: Selector, onstart?: () => void): void {
    this.proposal = { verb, selector, onstart };
  }

  close(): void {
    this.proposal = undefined;
  }
}

export const starting = new Starting();
