// Where the pages of deployments are. Every link begins with resolve(), which knows the path below which the UI is served.

import { resolve } from '$app/paths';

/** A deployment as its pages name it. */
export interface DeploymentRef {
  cluster: string;
  namespace: string;
  name: string;
}

export const deploymentHref = ({ cluster, namespace, name }: DeploymentRef): string =>
  resolve('/deployments/[cluster]/[namespace]/[name]', { cluster, namespace, name });

export const logsHref = (deployment: DeploymentRef): string => `${deploymentHref(deployment)}/logs`;

/** The deployments that a search finds. */
export const searchHref = (q: string): string => `${resolve('/deployments')}?q=${encodeURIComponent(q)}`;
