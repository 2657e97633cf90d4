import { readFileSync } from 'node:fs';

import openapiTS, { astToString, COMMENT_HEADER } from 'openapi-typescript';
import { expect, it } from 'vitest';

it('the types are those of the committed document', async () => {
  const document = new URL('../../../../aggregator/openapi.json', import.meta.url);
  const fresh = COMMENT_HEADER + astToString(await openapiTS(document));
  const committed = readFileSync(new URL('schema.d.ts', import.meta.url), 'utf8');
  expect(committed === fresh, 'stale: run `npm run generate` in ui/').toBe(true);
});
