// The simulated clusters of a demo, changed behind everybody's back as others would with kubectl.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

async function serverOf(demo, cluster) {
  const kubeconfig = await readFile(join(demo.data, 'kubeconfig'), 'utf8');
  const [, server] = kubeconfig.match(new RegExp(`- name: ${cluster}\\n  cluster:\\n    server: (\\S+)`));
  return server;
}

async function call(demo, { cluster, namespace, deployment_name: name }, init) {
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`;
  const answer = await fetch((await serverOf(demo, cluster)) + path, init);
  if (answer.status !== 200) {
    throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  }
  return answer.json();
}

/** Changes a deployment by a strategic merge. */
export function patch(demo, deployment, change) {
  const headers = { 'content-type': 'application/strategic-merge-patch+json' };
  return call(demo, deployment, { method: 'PATCH', headers, body: JSON.stringify(change) });
}

/** Gives it an image that is in no registry. */
export function breakImage(demo, deployment) {
  return patch(demo, deployment, { spec: { template: { spec: { containers: [{ name: 'app', image: 'shop/cart:does-not-exist' }] } } } });
}

/** Lets each of its containers write so many lines a second. */
export function writeLines(demo, deployment, perSecond) {
  const annotations = { 'k8s-sim/log-lines-per-second': String(perSecond) };
  return patch(demo, deployment, { spec: { template: { metadata: { annotations } } } });
}

export function remove(demo, deployment) {
  return call(demo, deployment, { method: 'DELETE' });
}
