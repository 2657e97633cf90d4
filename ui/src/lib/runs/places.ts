// Where in the dialog it is said what is wrong with a field of the API.

/**
 * The field of the dialog that shows what is wrong with one of the API: itself, or the one that it is a part of, such as
 * `strategy.stages[0].clusters` for `strategy.stages[0].clusters[2]`. `undefined` if there is none.
 */
export function placeOf(field: string, shown: string[]): string | undefined {
  const isPart = (place: string) => field === place || field.startsWith(`${place}.`) || field.startsWith(`${place}[`);
  return shown
    .filter(isPart)
    .reduce<string | undefined>((best, one) => (best && best.length > one.length ? best : one), undefined);
}

/** What the API says about a field: it begins with the field's name, and other fields have theirs in backquotes. */
export function inWords(message: string, field: string): string {
  return message.replace(`${field}: `, '').replace('`expires_at`', 'the end').replaceAll('`', '');
}

const strategy = [
  'max_concurrency',
  'max_concurrency_per_cluster',
  'canary.count',
  'max_failures',
  'progress_deadline',
  'min_success_time',
];

/** The fields of the dialog, by their names in the API. */
export function placesOf(stages: number): string[] {
  const stage = (number: number) =>
    ['', '.name', '.clusters', '.cluster_label_selector'].map((part) => `stages[${number}]${part}`);
  const fields = [...strategy, 'stages', ...Array.from({ length: stages }, (_, number) => stage(number)).flat()];
  return ['parameters', 'reason', 'not_before', 'expires_at', ...fields.map((field) => `strategy.${field}`)];
}
