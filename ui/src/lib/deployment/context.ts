// The deployment of a page, for the components below it.

import { createContext } from 'svelte';

import type { DeploymentModel } from './deployment.svelte';

export const [opened, open] = createContext<() => DeploymentModel>();
