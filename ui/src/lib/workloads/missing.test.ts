import { expect, it } from 'vitest';

import { missingIn } from './missing';

it('lists changes that are not shown, failures first', () => {
  expect(missingIn(['healthy'])).toBe('1 change is not shown yet');
  expect(missingIn(['gone', 'turned'])).toBe('2 changes are not shown yet');
  expect(missingIn(['degraded'])).toBe('1 degraded is not shown yet');
  expect(missingIn(['healthy', 'degraded', 'failed', 'degraded'])).toBe(
    '1 failed, 2 degraded and 1 other change are not shown yet',
  );
});
