// Whether the document of the API keeps to OpenAPI, describes every answer, and has no example that its schema forbids: no error and no
// warning.

import { createConfig, lint } from '@redocly/openapi-core';

const ref = new URL('../../aggregator/openapi.json', import.meta.url).pathname;
const config = await createConfig({
  extends: ['recommended'],
  rules: {
    'no-invalid-media-type-examples': 'error',
    'no-invalid-schema-examples': 'error',
    // The items of a page are written out where they are used, and listed all the same.
    'no-unused-components': 'off',
  },
});
const problems = await lint({ ref, config });
for (const { severity, ruleId, message, location } of problems) {
  console.error(`${severity}: ${message} (${ruleId}) at ${location[0]?.pointer ?? '#/'}`);
}
process.exitCode = problems.length > 0 ? 1 : 0;
