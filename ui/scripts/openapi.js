// Checks that the API document is valid OpenAPI, describes every response, and has no example that its schema forbids: no errors and no
// warnings.

import { createConfig, lint } from '@redocly/openapi-core';

const ref = new URL('../../aggregator/openapi.json', import.meta.url).pathname;
const config = await createConfig({
  extends: ['recommended'],
  rules: {
    'no-invalid-media-type-examples': 'error',
    'no-invalid-schema-examples': 'error',
    // The items of a page are inlined where they are used, but listed too.
    'no-unused-components': 'off',
  },
});
const problems = await lint({ ref, config });
for (const { severity, ruleId, message, location } of problems) {
  console.error(`${severity}: ${message} (${ruleId}) at ${location[0]?.pointer ?? '#/'}`);
}
process.exitCode = problems.length > 0 ? 1 : 0;
