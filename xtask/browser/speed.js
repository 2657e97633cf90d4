// The speed of the UI. Figures for people to judge, on an otherwise idle machine:
//   node speed.js search    from a key press to the painted result, in the table of all workloads
//   node speed.js events    the frames of that table while a thousand deployments a second change in the clusters
//   node speed.js made-up   the same without a backend: what changes is made up
// The first two take flags of `cargo xtask demo`, such as `--release --clusters 1000 --deployments 100`.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';

import { fleet } from '../../ui/fixture/fleet.js';
import { launch } from './chromium.js';
import { signIn, startDemo } from './demo.js';
import { keepChanging } from './simulator.js';
import { openPage, openUi, signInAs } from './ui.js';

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

/** Milliseconds from each key press until the frame after the one that shows its result. */
async function search(...flags) {
  const demo = await startDemo(...flags);
  const browser = await launch();
  const page = await openUi(browser, demo, { path: 'workloads?sort=name' });
  const grid = page.getByRole('grid', { name: 'Workloads' });
  await grid.getByRole('row').nth(1).waitFor();
  const total = await page.locator('.found').innerText();
  await page.evaluate(() => {
    globalThis.measured = [];
    let pressed;
    addEventListener('keydown', (event) => (pressed = event.timeStamp), { capture: true });
    new PerformanceObserver((list) => {
      const isAnswer = ({ name, startTime }) => startTime >= pressed && new URL(name).pathname === '/workloads';
      const answer = list.getEntries().find(isAnswer);
      if (answer) {
        const [began, { duration }] = [pressed, answer];
        pressed = undefined;
        requestAnimationFrame(() =>
          requestAnimationFrame((at) => {
            globalThis.measured.push({ whole: at - began, call: duration });
            globalThis.shown();
          }),
        );
      }
    }).observe({ type: 'resource' });
  });
  // Not polled frame by frame, which would load the page that is measured.
  const press = async (key) => {
    const shown = page.evaluate(() => new Promise((resolve) => (globalThis.shown = resolve)));
    await page.keyboard.press(key);
    await shown;
  };
  await page.getByRole('searchbox').focus();
  for (const word of WORDS) {
    for (const letter of word) await press(letter);
    await page.keyboard.press('Control+A');
    await press('Backspace');
  }
  const measured = await page.evaluate(() => globalThis.measured);
  await browser.close();
  await demo.stop();
  console.log(`${total}, milliseconds from key press to paint`, summary(measured.map(({ whole }) => whole)));
  console.log('of it without the call', summary(measured.map(({ whole, call }) => whole - call)));
}

/** The built UI with an invented fleet that changes all the time. */
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

/** The times between the frames that the browser rendered while deployments change. */
async function draw(page) {
  await page.getByRole('grid', { name: 'Workloads' }).getByRole('row').nth(1).waitFor();
  const { frames, received, length } = await page.evaluate(framesDrawn, LENGTH);
  const rate = Math.round((received * 1_000) / length);
  console.log(`${rate} events a second, milliseconds between frames`, summary(frames));
}

/** In the page: renders for a while. */
function framesDrawn(length) {
  return new Promise((resolve) => {
    const [frames, begin, before] = [[], performance.now(), globalThis.received];
    let last = begin;
    requestAnimationFrame(function frame(at) {
      frames.push(at - last);
      last = at;
      if (at < begin + length) requestAnimationFrame(frame);
      else resolve({ frames, received: globalThis.received - before, length: at - begin });
    });
  });
}

/** In the page, before anything else: counts the workload events that it receives. */
function countReceived() {
  globalThis.received = 0;
  const { addEventListener: listen } = EventSource.prototype;
  EventSource.prototype.addEventListener = function (kind, listener) {
    const counted = (event) => {
      globalThis.received += 1;
      listener.call(this, event);
    };
    listen.call(this, kind, kind === 'workload' ? counted : listener);
  };
}

async function madeUp() {
  const server = restlessFleet().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const browser = await launch();
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.addInitScript(countReceived);
  await page.goto(`http://127.0.0.1:${server.address().port}/ui/workloads?sort=name`);
  await draw(page);
  await browser.close();
  server.closeAllConnections();
  server.close();
}

/** Changes one deployment per event wanted in a second: agents publish each at most twice a second. */
async function events(...flags) {
  const demo = await startDemo(...flags);
  const api = await signIn(demo);
  const deployments = [];
  let next;
  do {
    const rest = next ? `&continue=${next}` : '';
    const page = await api.get(`/deployments?sort=name&limit=500${rest}`);
    deployments.push(...page.items);
    next = page.continue;
  } while (next && deployments.length < A_SECOND);
  const browser = await launch();
  const page = await openPage(browser, demo);
  await page.addInitScript(countReceived);
  await page.goto('workloads?sort=name');
  await signInAs(page, demo);
  const stopChanging = await keepChanging(demo, deployments, A_SECOND);
  await draw(page);
  await stopChanging();
  await browser.close();
  await demo.stop();
}

const [what, ...rest] = process.argv.slice(2);
await { search, events, 'made-up': madeUp }[what](...rest);
