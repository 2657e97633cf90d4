// The workload of a page, for the components below it.

import { createContext } from 'svelte';

import type { WorkloadModel } from './workload.svelte';

export const [opened, open] = createContext<() => WorkloadModel>();
