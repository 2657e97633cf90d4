// The folder in which a proxy publishes the aggregator, such as `/fleet`; mostly none. The API is there, and this page in its `/ui`.

import { resolve } from '$app/paths';

export const prefix: string = resolve('/').replace(/\/ui\/?$/, '');
