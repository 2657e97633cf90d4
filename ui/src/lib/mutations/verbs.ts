// The changes of a workload: one description per verb, for buttons, menus, keys, dialogs and the palette.

import type { Schemas } from '$lib/api';
import type { IconName } from '$lib/icons';
import type { Right } from '$lib/session/session.svelte';

/** The state that determines whether a verb is possible. */
export type State = Pick<Schemas['FleetDeployment'], 'paused'>;

export interface Verb {
  /** Its name in the audit. */
  name: Schemas['AllowedVerbs'][number];
  /** The API call. */
  path: '/restart' | '/pause' | '/resume';
  label: string;
  icon: IconName;
  /** Its key, on the page of a workload and in a table. */
  key: string;
  right: Right;
  /** What it does, shown in the confirmation. */
  confirm: string;
  /** Why it is not possible for this workload. */
  obstacle: (workload: State) => string | undefined;
  /** Whether it starts a rollout, which is followed to its end. */
  beginsRollout: boolean;
}

const restart: Verb = {
  name: 'restart',
  path: '/restart',
  label: 'Restart',
  icon: 'restart',
  key: 'r',
  right: 'restart',
  confirm: 'New pods replace the old ones, as with kubectl rollout restart.',
  obstacle: ({ paused }) => (paused ? 'It is paused and would not restart: resume it first' : undefined),
  beginsRollout: true,
};

const pause: Verb = {
  name: 'pause',
  path: '/pause',
  label: 'Pause',
  icon: 'pause',
  key: 'p',
  right: 'pause',
  confirm: 'Its pods go on running; changes of its template wait until it is resumed, as with kubectl rollout pause.',
  obstacle: ({ paused }) => (paused ? 'It is paused already' : undefined),
  beginsRollout: false,
};

const resume: Verb = {
  name: 'resume',
  path: '/resume',
  label: 'Resume',
  icon: 'play',
  key: 'u',
  right: 'resume',
  confirm: 'What was changed in its template while it was paused rolls out now, as with kubectl rollout resume.',
  obstacle: ({ paused }) => (paused ? undefined : 'It is not paused'),
  beginsRollout: true,
};

export const verbs = [restart, pause, resume];
