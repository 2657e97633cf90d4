// What a change asks for beside its targets: as it is filled in, as the API wants it, and in words.

import type { Schemas } from '$lib/api';
import { IMAGE, MAX_REPLICAS } from '$lib/mutations/limits';
import type { Verb } from '$lib/mutations/verbs';

type Image = Schemas['ContainerImage'];

/** As in the fields of the dialog. An empty number is absent. */
export interface Parameters {
  replicas: number | null | undefined;
  images: Image[];
}

/** As the API wants it; `undefined` while something is not filled in. */
export function parametersOf({ asksFor }: Verb, { replicas, images }: Parameters): object | undefined {
  switch (asksFor) {
    case undefined:
      return {};
    case 'replicas':
      return isCount(replicas) ? { replicas } : undefined;
    case 'images': {
      const trimmed = images.map(({ container, image }) => ({ container: container.trim(), image: image.trim() }));
      const isWhole = trimmed.every(({ container, image }) => container !== '' && IMAGE.test(image));
      return isWhole && trimmed.length > 0 ? { images: trimmed } : undefined;
    }
  }
}

const isCount = (replicas: unknown): replicas is number =>
  Number.isInteger(replicas) && (replicas as number) >= 0 && (replicas as number) <= MAX_REPLICAS;

/** Of a run, such as `Replicas: 3`; empty for a change without parameters. */
export function parameterWords(parameters: unknown): string {
  const { replicas, images } = (parameters ?? {}) as { replicas?: unknown; images?: unknown };
  if (isCount(replicas)) {
    return `Replicas: ${replicas.toLocaleString()}`;
  }
  return Array.isArray(images)
    ? (images as Image[]).map(({ container, image }) => `${container}: ${image}`).join(', ')
    : '';
}
