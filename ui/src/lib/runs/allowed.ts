import { verbs } from '$lib/mutations/verbs';
import { session } from '$lib/session/session.svelte';

import type { Act, Run } from './states';

/** Why somebody may not do this with a run, if so. The server decides. */
export function prevented(act: Act, run: Pick<Run, 'user' | 'spec' | 'clusters'>): string | undefined {
  const isOwn = run.user === session.me?.user;
  if (act === 'approve' && isOwn) {
    return 'Somebody else than you has to approve it, since you started it';
  }
  const right = verbs.find(({ name }) => name === run.spec.action)?.right;
  const lacking = run.clusters.find((cluster) => !right || !session.may(right, cluster));
  return isOwn || lacking === undefined ? undefined : `You may not ${run.spec.action} in all of ${lacking}`;
}
