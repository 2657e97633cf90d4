import { readFileSync } from 'node:fs';

import { expect, it } from 'vitest';

const read = (path: string) => readFileSync(path, 'utf8');

it('has one policy, no matter who serves it', () => {
  const [, rust] = read('../aggregator/http/src/ui.rs').match(/CONTENT_SECURITY_POLICY: &str = "([^"]+)"/) ?? [];
  const [, nginx] = read('nginx/headers.conf').match(/Content-Security-Policy "([^"]+)"/) ?? [];
  expect(nginx).toBe(rust?.replace(/\\\n\s*/g, ''));
  expect(nginx).toContain("script-src 'self'");
});
