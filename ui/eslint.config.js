import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';

import svelteConfig from './svelte.config.js';

export default ts.config(
  { ignores: ['build', '.svelte-kit', 'src/lib/api/schema.d.ts'] },
  js.configs.recommended,
  ...ts.configs.recommended,
  ...svelte.configs.recommended,
  { languageOptions: { globals: { ...globals.browser, ...globals.node } } },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: ['.svelte'], svelteConfig } },
  },
  {
    rules: {
      'no-undef': 'off',
      // Every link starts with resolve(), but the rule does not support query or fragment.
      'svelte/no-navigation-without-resolve': 'off',
      // Maps that live for one call need not be reactive.
      'svelte/prefer-svelte-reactivity': 'off',
      'no-restricted-globals': [
        'error',
        { name: 'fetch', message: 'Call the API through $lib/api: its types come from the document.' },
        { name: 'EventSource', message: 'Open event streams through $lib/live/stream.' },
      ],
    },
  },
  { files: ['src/lib/live/stream.ts', 'src/lib/api/client.ts'], rules: { 'no-restricted-globals': 'off' } },
);
