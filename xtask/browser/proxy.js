// A proxy between a browser and an aggregator that lets a test disturb the stream of changes.

import { once } from 'node:events';
import { createServer, request } from 'node:http';

/** `url`; `silent`: whether changes are held back; `send(event)` writes one to every open stream. */
export async function startProxy(t, target) {
  const streams = new Set();
  const proxy = { url: undefined, silent: false, send: (event) => streams.forEach((stream) => stream.write(event)) };
  const server = createServer((from, to) => {
    const { hostname, port } = new URL(target);
    const onward = request({ hostname, port, method: from.method, path: from.url, headers: from.headers }, (answer) => {
      to.writeHead(answer.statusCode, answer.headers);
      if (!from.url.startsWith('/watch')) {
        answer.pipe(to);
        return;
      }
      streams.add(to);
      answer.on('data', (chunk) => proxy.silent || to.write(chunk)).on('end', () => to.end());
    });
    onward.on('error', () => to.destroy());
    to.on('close', () => {
      streams.delete(to);
      onward.destroy();
    });
    from.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy.url = `http://127.0.0.1:${server.address().port}`;
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return proxy;
}
