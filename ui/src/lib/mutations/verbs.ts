// The changes of a workload: one description per verb, for buttons, menus, keys, dialogs and the palette.

import type { Schemas } from '$lib/api';
import type { IconName } from '$lib/icons';
import type { Right } from '$lib/session/session.svelte';
import { kinds, type Kind } from '$lib/workload/kinds';
import type { WorkloadRef } from '$lib/workload/ref';

/** The state that determines whether a verb is possible, as far as it is known. */
export type State = Partial<Pick<Schemas['FleetWorkload'], 'paused' | 'replicas' | 'on_delete'>>;

/** A workload, and its state when the change was proposed. */
export interface Candidate {
  target: WorkloadRef;
  workload: State;
}

/** What was filled in before the change was confirmed. */
export interface Input {
  replicas?: number;
  images?: Schemas['ContainerImage'][];
  /** Why, for the audit. */
  reason?: string;
  /** The cluster's name, where changes have to be confirmed by it. */
  confirm?: string;
}

export interface Verb {
  /** Its name in the audit. */
  name: Schemas['AllowedVerbs'][number];
  label: string;
  icon: IconName;
  /** Its key, on the page of a workload and in a table. */
  key: string;
  right: Right;
  /** The kinds of workloads that have it. */
  kinds: Kind[];
  /** What it does, shown in the confirmation. */
  confirm: string;
  /** Between its label and a name. */
  preposition?: 'of';
  /** What it asks for first. */
  asksFor?: 'replicas' | 'images';
  /** Whether what it changes in a paused workload waits until that is resumed. */
  waitsWhilePaused?: boolean;
  /** Why it is not possible for this workload. */
  obstacle: (workload: State) => string | undefined;
  /** Whether new pods replace the old ones, which somebody has to do by hand with the update strategy `OnDelete`. */
  replacesPods?: boolean;
  /** Whether it starts a rollout, which is followed to its end. */
  beginsRollout: boolean;
}

const restart: Verb = {
  name: 'restart',
  label: 'Restart',
  icon: 'restart',
  key: 'r',
  right: 'restart',
  kinds,
  replacesPods: true,
  confirm: 'New pods replace the old ones, as with kubectl rollout restart.',
  obstacle: ({ paused }) => (paused ? 'It is paused and would not restart: resume it first' : undefined),
  beginsRollout: true,
};

const pause: Verb = {
  name: 'pause',
  label: 'Pause',
  icon: 'pause',
  key: 'p',
  right: 'pause',
  kinds: ['Deployment'],
  confirm: 'Its pods go on running; changes of its template wait until it is resumed, as with kubectl rollout pause.',
  obstacle: ({ paused }) => (paused ? 'It is paused already' : undefined),
  beginsRollout: false,
};

const resume: Verb = {
  name: 'resume',
  label: 'Resume',
  icon: 'play',
  key: 'u',
  right: 'resume',
  kinds: ['Deployment'],
  confirm: 'What was changed in its template while it was paused rolls out now, as with kubectl rollout resume.',
  obstacle: ({ paused }) => (paused ? undefined : 'It is not paused'),
  beginsRollout: true,
};

const scale: Verb = {
  name: 'scale',
  label: 'Scale',
  icon: 'scale',
  key: 's',
  right: 'scale',
  kinds: ['Deployment', 'StatefulSet'],
  confirm:
    'Pods are started or stopped, as with kubectl scale. An autoscaler of the workload may change the number again.',
  asksFor: 'replicas',
  obstacle: ({ replicas }) => (replicas === undefined ? 'It is not known yet how many replicas it has' : undefined),
  beginsRollout: true,
};

const image: Verb = {
  name: 'image',
  label: 'Change images',
  preposition: 'of',
  icon: 'image',
  key: 'i',
  right: 'image',
  kinds,
  replacesPods: true,
  confirm: 'Pods with the new images replace the old ones, as with kubectl set image.',
  asksFor: 'images',
  obstacle: () => undefined,
  beginsRollout: true,
  waitsWhilePaused: true,
};

const undo: Verb = {
  name: 'undo',
  label: 'Undo last change',
  preposition: 'of',
  icon: 'undo',
  key: 'z',
  right: 'undo',
  kinds,
  replacesPods: true,
  confirm: 'The pod template of the revision before replaces the present one, as with kubectl rollout undo.',
  obstacle: ({ paused }) => (paused ? 'It is paused and would not roll out: resume it first' : undefined),
  beginsRollout: true,
};

/** What the update strategy `OnDelete` means. */
export const ON_DELETE = 'a pod is replaced only when somebody deletes it, and runs the older version until then';

export const verbs = [restart, scale, image, undo, pause, resume];

/** `Restart cart`, `Change images of cart`. */
export function phrase({ label, preposition }: Verb, name: string | undefined): string {
  return [label, preposition, name].filter(Boolean).join(' ');
}
