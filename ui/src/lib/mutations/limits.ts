// What the API accepts as parameters of a change.

/** Most replicas. */
export const MAX_REPLICAS = 100_000;

/** An image: no blanks, not empty. */
export const IMAGE = /^[!-~]{1,500}$/;
