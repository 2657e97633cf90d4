// The URLs of workload searches; that of a workload's page is in `workload/ref.ts`.

import { resolve } from '$app/paths';

/** The workloads that a search finds. */
export const searchHref = (q: string): string => `${resolve('/workloads')}?q=${encodeURIComponent(q)}`;
