export { api, ask, askOnce, change, whenCallsFail, whenSessionEnds } from './client';
export type { Schemas } from './client';
export { prefix } from './prefix';
export { ApiProblem } from './problem';
export type { ProblemCode } from './problem';
