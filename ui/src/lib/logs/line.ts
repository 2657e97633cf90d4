// A log line as stored and shown. Container output is untrusted text: it is sanitised once, when it arrives.

import type { Schemas } from '$lib/api';

export interface LogText {
  kind: 'line';
  /** Sequence number of the added line, from 1. */
  id: number;
  /** In UTC with nine digits of a second, so that times compare as text; never earlier than the previous line of its container. */
  at: string;
  source: Source;
  text: string;
}

/** A note about the log itself, between the lines. */
export interface LogNote {
  kind: 'note';
  id: number;
  tone: 'idle' | 'warn';
  text: string;
}

export type LogRow = LogText | LogNote;

/** One container of one pod. */
export interface Source {
  id: string;
  pod: string;
  container: string;
  /** Index of its colour, from 0. */
  colour: number;
}

type Wire = Schemas['LogLine'];

/** The id of a line's container. A pod's name has no slash. */
export function sourceId({ pod, container }: Pick<Wire, 'pod' | 'container'>): string {
  return `${pod}/${container}`;
}

/** `2026-11-24T20:15:03.5Z` as `2026-11-24T20:15:03.500000000Z`; an invalid time as ''. */
export function sortable(time: string | null | undefined): string {
  const [, second, fraction = ''] = time?.match(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/) ?? [];
  return second === undefined ? '' : `${second}.${fraction.padEnd(9, '0')}Z`;
}

// Terminal colours, cursor movements, links and titles.
// eslint-disable-next-line no-control-regex
const ESCAPES = /\x1b(?:\[[0-9:;<=>?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])/g;
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\x00-\x08\x0a-\x1f\x7f-\x9f]/g;
const MARKS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

const PICTURES = 0x2400;

/** The text without terminal sequences; other control characters as symbols, bidirectional marks by name. */
export function inert(text: string): string {
  return text.replace(ESCAPES, '').replace(CONTROLS, picture).replace(MARKS, named);
}

function picture(character: string): string {
  const code = character.charCodeAt(0);
  return code < 0x20 ? String.fromCharCode(PICTURES + code) : code === 0x7f ? '\u2421' : named(character);
}

function named(character: string): string {
  return `‹U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}›`;
}

/** How times are shown: not at all, in the reader's time zone, or in UTC with the date, as in the download. */
export type Times = 'no' | 'local' | 'utc';

/** `11-24 21:15:03.500` in the reader's time zone or `2026-11-24T20:15:03.500Z`, from a time in the format of `sortable`. */
export function shownTime(at: string, times: Times): string {
  if (at === '' || times === 'no') {
    return '';
  }
  if (times === 'utc') {
    return `${at.slice(0, 23)}Z`;
  }
  const time = new Date(at);
  const two = (part: number) => String(part).padStart(2, '0');
  const day = `${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${at.slice(20, 23)}`;
}
