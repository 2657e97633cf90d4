import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

import adapter from './adapter.js';

/** SvelteKit's announcer has its style in an attribute, which the policy does not let in: `base.css` has it instead. */
const announcerWithoutStyle = {
  name: 'announcer-without-style',
  /** @param {{ content: string, filename?: string }} file */
  markup: ({ content, filename }) =>
    filename?.endsWith('/generated/root.svelte')
      ? { code: content.replace(/(<div id="svelte-announcer"[^>]*?) style="[^"]*"/, '$1') }
      : undefined,
};

/** @type {import('@sveltejs/kit').Config} */
export default {
  preprocess: [vitePreprocess(), announcerWithoutStyle],
  compilerOptions: { runes: true },
  vitePlugin: {
    // A page that some people cannot use is as broken as one that does not build.
    onwarn: (warning) => {
      throw new Error(`${warning.filename}: ${warning.code}: ${warning.message}`);
    },
    dynamicCompileOptions: ({ filename }) => (filename.includes('node_modules') ? { runes: undefined } : undefined),
  },
  kit: {
    adapter: adapter(),
    // The API has /clusters and /deployments for itself.
    paths: { base: '/ui', relative: false },
    // One file for each page: the budget is on what the first one needs.
    output: { preloadStrategy: 'modulepreload' },
    version: { pollInterval: 0 },
  },
};
