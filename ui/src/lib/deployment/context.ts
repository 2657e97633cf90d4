// The deployment of a page, for what stands below it.

import { createContext } from 'svelte';

import type { DeploymentModel } from './deployment.svelte';

export const [opened, open] = createContext<() => DeploymentModel>();
