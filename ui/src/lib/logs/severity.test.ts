import { expect, it } from 'vitest';

import { severity } from './severity';

it.each([
  ['ERROR upstream closed', 'bad'],
  ['level=error msg=x', 'bad'],
  ['{"level":"WARN"}', 'warn'],
  ['warning: low', 'warn'],
  ['INFO terror warned', ''],
  [`${'x'.repeat(200)} ERROR`, ''],
])('%j is %j', (text, expected) => {
  expect(severity(text)).toBe(expected);
});
