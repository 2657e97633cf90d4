// The URLs of deployment searches; that of a deployment's page is in `workload/ref.ts`.

import { resolve } from '$app/paths';

/** The deployments that a search finds. */
export const searchHref = (q: string): string => `${resolve('/deployments')}?q=${encodeURIComponent(q)}`;
