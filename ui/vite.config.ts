import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig } from 'vitest/config';

import { fixture } from './fixture/plugin.js';

/** The API's paths when the UI is served by `npm run dev`. */
const api = [
  '/login',
  '/logout',
  '/me',
  '/clusters',
  '/namespaces',
  '/deployments',
  '/workload-groups',
  '/workloads',
  '/restart',
  '/pause',
  '/resume',
  '/scale',
  '/runs',
  '/operations',
  '/rollouts',
  '/log',
  '/logs',
  '/pods',
  '/events',
  '/audit',
  '/conditions',
  '/invitations',
  '/watch',
];

export default defineConfig(({ mode }) => ({
  plugins: [sveltekit(), mode === 'fixture' && fixture()],
  server: {
    host: '127.0.0.1',
    proxy:
      mode === 'fixture'
        ? {}
        : Object.fromEntries(api.map((path) => [path, process.env.MCA_URL ?? 'http://127.0.0.1:8000'])),
  },
  test: { include: ['src/**/*.test.ts'] },
}));
