import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

import adapter from './adapter.js';

/** Style attributes that libraries write, which the policy forbids: `base.css` has them instead. */
const withoutStyleAttributes = {
  name: 'without-style-attributes',
  /** @param {{ content: string, filename?: string }} file */
  markup: ({ content, filename = '' }) => {
    if (filename.endsWith('/generated/root.svelte')) {
      return { code: content.replace(/(<div id="svelte-announcer"[^>]*?) style="[^"]*"/, '$1') };
    }
    return filename.includes('/bits-ui/')
      ? { code: content.replaceAll('<div style="display: contents;"', '<div class="contents"') }
      : undefined;
  },
};

/** @type {import('@sveltejs/kit').Config} */
export default {
  preprocess: [vitePreprocess(), withoutStyleAttributes],
  compilerOptions: { runes: true },
  vitePlugin: {
    // An inaccessible page is as broken as one that does not build.
    onwarn: (warning) => {
      throw new Error(`${warning.filename}: ${warning.code}: ${warning.message}`);
    },
    dynamicCompileOptions: ({ filename }) => (filename.includes('node_modules') ? { runes: undefined } : undefined),
  },
  kit: {
    adapter: adapter(),
    // The API uses /clusters and /deployments. Scripts load each other by relative paths: a proxy may publish all of it in a folder.
    paths: { base: '/ui', relative: true },
    // One file per page: the budget applies to what the first page needs.
    output: { preloadStrategy: 'modulepreload' },
    version: { pollInterval: 0 },
  },
};
