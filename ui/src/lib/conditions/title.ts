// The titles of the aggregator's conditions; what to do is in their messages.

import type { ConditionType } from './conditions.svelte';

const titles: Record<ConditionType, string> = {
  users_file_unusable: 'The file of users cannot be used.',
  revocations_full: 'The list of revoked credentials is full.',
  revocations_nearly_full: 'The list of revoked credentials is nearly full.',
  account_token_outdated: 'Revocations and permissions on the bus are out of date.',
  store_nearly_full: 'Some of what is stored is nearly full.',
  records_unreadable: 'Some of what is stored cannot be read.',
  clock_skewed: 'The clock of the aggregator’s machine is wrong.',
  webhook_disabled: 'A webhook gets no more notifications.',
};

/** A generic title for conditions of a newer aggregator. */
export function titleOf(type: ConditionType): string {
  return titles[type] ?? 'Something is wrong with the aggregator.';
}
