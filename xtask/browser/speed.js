// How fast the screen is. Figures for people to judge, on a machine that does nothing else:
//   node speed.js search DEMO_JSON   from a key press to the painted result, in the table of all deployments of a running system
//   node speed.js events             the frames of that table while a thousand deployments a second change (made up, without a backend)

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';

import { fleet } from '../../ui/fixture/fleet.js';
import { launch } from './chromium.js';
import { openUi } from './ui.js';

const WORDS = ['ledger', 'cart', 'health:failed', 'ns:shop', 'image:1.4'];
const LENGTH = 10_000;
const A_SECOND = 1_000;
const TICK = 20;
const build = new URL('../../ui/build', import.meta.url).pathname;
const types = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
};

function summary(values) {
  const sorted = [...values].sort((one, other) => one - other);
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))].toFixed(1);
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), largest: at(1) };
}

/** Milliseconds from each key press until the frame after the one that shows its answer. */
async function search(demoFile) {
  const demo = JSON.parse(await readFile(demoFile, 'utf8'));
  const browser = await launch();
  const page = await openUi(browser, demo, { path: 'deployments?sort=name' });
  const grid = page.getByRole('grid', { name: 'Deployments' });
  await grid.getByRole('row').nth(1).waitFor();
  const total = await page.locator('.found').innerText();
  await page.evaluate(() => {
    globalThis.measured = [];
    let pressed;
    addEventListener('keydown', (event) => (pressed = event.timeStamp), { capture: true });
    new PerformanceObserver((list) => {
      const isAnswer = ({ name, startTime }) => startTime >= pressed && new URL(name).pathname === '/deployments';
      const answer = list.getEntries().find(isAnswer);
      if (answer) {
        const [began, { duration }] = [pressed, answer];
        pressed = undefined;
        requestAnimationFrame(() =>
          requestAnimationFrame((at) => globalThis.measured.push({ whole: at - began, call: duration })),
        );
      }
    }).observe({ type: 'resource' });
  });
  let count = 0;
  for (const word of WORDS) {
    await page.getByRole('searchbox').fill('');
    for (const letter of word) {
      await page.keyboard.press(letter);
      count += 1;
      await page.waitForFunction((count) => globalThis.measured.length === count, count);
    }
  }
  const measured = await page.evaluate(() => globalThis.measured);
  await browser.close();
  console.log(`${total}, milliseconds from key press to paint`, summary(measured.map(({ whole }) => whole)));
  console.log('of it without the call', summary(measured.map(({ whole, call }) => whole - call)));
}

/** The built UI, over a fleet that is made up and never still. */
function restlessFleet() {
  return createServer(async (request, response) => {
    const url = new URL(request.url, 'http://here');
    if (url.pathname === '/watch') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('event: reset\ndata: {"reason":"started"}\n\n');
      const timer = setInterval(() => {
        for (let sent = 0; sent < (A_SECOND * TICK) / 1_000; sent += 1) response.write(fleet.change());
      }, TICK);
      request.on('close', () => clearInterval(timer));
      return;
    }
    const answer = url.pathname.startsWith('/ui/') ? undefined : fleet.answer(request.method, url);
    if (answer !== undefined) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
      return;
    }
    const file = extname(url.pathname) ? url.pathname.slice('/ui'.length) : '/index.html';
    const bytes = await readFile(join(build, file));
    response.writeHead(200, { 'content-type': types[extname(file)] }).end(bytes);
  });
}

/** The times between the frames that the browser drew. */
async function events() {
  const server = restlessFleet().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const browser = await launch();
  const page = await browser.newPage({
    viewport: { width: 1280, height: 800 },
  });
  await page.goto(`http://127.0.0.1:${server.address().port}/ui/deployments?sort=name`);
  await page.getByRole('grid', { name: 'Deployments' }).getByRole('row').nth(1).waitFor();
  const frames = await page.evaluate(
    (length) =>
      new Promise((resolve) => {
        const frames = [];
        let before = performance.now();
        const end = before + length;
        requestAnimationFrame(function frame(at) {
          frames.push(at - before);
          before = at;
          if (at < end) requestAnimationFrame(frame);
          else resolve(frames);
        });
      }),
    LENGTH,
  );
  await browser.close();
  server.closeAllConnections();
  server.close();
  console.log(`${A_SECOND} events a second, milliseconds between frames`, summary(frames));
}

const [what, ...rest] = process.argv.slice(2);
await { search, events }[what](...rest);
