// Changes the simulated clusters of a demo from outside, as others would with kubectl.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

async function serversOf(demo) {
  const kubeconfig = await readFile(join(demo.data, 'kubeconfig'), 'utf8');
  return new Map([...kubeconfig.matchAll(/- name: (\S+)\n  cluster:\n    server: (\S+)/g)].map(([, name, server]) => [name, server]));
}

async function call(demo, deployment, init) {
  return callAt((await serversOf(demo)).get(deployment.cluster), deployment, init);
}

async function callAt(server, { namespace, deployment_name: name }, init) {
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`;
  const answer = await fetch(server + path, init);
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

/** Sets an image that is in no registry. */
export function breakImage(demo, deployment) {
  return setImage(demo, deployment, 'shop/cart:does-not-exist');
}

/** Sets an image that exits shortly after each start. */
export function letCrash(demo, deployment) {
  return setImage(demo, deployment, 'shop/cart:crash');
}

function setImage(demo, deployment, image) {
  return patch(demo, deployment, { spec: { template: { spec: { containers: [{ name: 'app', image }] } } } });
}

/** Makes each of its containers write this many lines a second. */
export function writeLines(demo, deployment, perSecond) {
  const annotations = { 'k8s-sim/log-lines-per-second': String(perSecond) };
  return patch(demo, deployment, { spec: { template: { metadata: { annotations } } } });
}

export function remove(demo, deployment) {
  return call(demo, deployment, { method: 'DELETE' });
}

/** Changes these deployments one after the other, this many a second, until the returned function is called. */
export async function keepChanging(demo, deployments, aSecond) {
  const servers = await serversOf(demo);
  const headers = { 'content-type': 'application/merge-patch+json' };
  const begin = performance.now();
  const sent = [];
  const timer = setInterval(() => {
    while (sent.length < ((performance.now() - begin) * aSecond) / 1_000) {
      const deployment = deployments[sent.length % deployments.length];
      const body = JSON.stringify({ metadata: { labels: { changed: String(sent.length) } } });
      sent.push(callAt(servers.get(deployment.cluster), deployment, { method: 'PATCH', headers, body }));
    }
  }, 20);
  return () => {
    clearInterval(timer);
    return Promise.all(sent);
  };
}
