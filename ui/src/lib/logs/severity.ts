const BAD = /\b(?:ERROR|ERR|FATAL|PANIC|CRITICAL)\b/i;
const WARN = /\bWARN(?:ING)?\b/i;
/** Where programs write the level, if they do. */
const WITHIN = 120;

/** The level that a line states; the line contains its word. */
export function severity(text: string): 'bad' | 'warn' | '' {
  const start = text.slice(0, WITHIN);
  return BAD.test(start) ? 'bad' : WARN.test(start) ? 'warn' : '';
}
