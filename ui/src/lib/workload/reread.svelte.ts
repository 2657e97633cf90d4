import { untrack } from 'svelte';

import type { Resource } from '$lib/list/resource.svelte';

import { Throttle } from './throttle';

const NO_MORE_OFTEN = 1_500;
/** Pod changes do not always cause a change event of their workload. */
const AT_LEAST = 10_000;

/**
 * Call during component initialisation: loads a resource at once, soon after `version` changes, and periodically while the tab is
 * visible.
 */
export function reread(resource: () => Resource<unknown>, version: () => unknown): void {
  $effect(() => {
    const what = resource();
    const throttle = new Throttle(NO_MORE_OFTEN, () => void what.load());
    $effect(() => {
      version();
      untrack(() => throttle.soon());
    });
    const timer = setInterval(() => !document.hidden && !what.loading && throttle.soon(), AT_LEAST);
    return () => {
      clearInterval(timer);
      throttle.stop();
      what.clear();
    };
  });
}
