/** Numbers, times and text as people read them. Pure: nothing here asks for the time or writes anywhere. */

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** 10,000 */
export function count(n: number): string {
  return grouped.format(n);
}

/** "1 sub-job", "61 sub-jobs" */
export function counted(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
}

/**
 * Two units at most, the smaller one padded: "84 ms", "1.2 s", "42 s", "88 m 31 s", "3 h 05 m", "2 d 04 h".
 *
 * Minutes reach to two hours, because people plan in them.
 */
export function duration(ms: number): string {
  if (ms < 0.995) return `${trim(ms.toFixed(2))} ms`;
  if (ms < 9.95) return `${trim(ms.toFixed(1))} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 7_200) return pair(seconds, 60, "m", "s");
  const minutes = Math.round(ms / 60_000);
  if (minutes < 2_880) return pair(minutes, 60, "h", "m");
  return pair(Math.round(ms / 3_600_000), 24, "d", "h");
}

function pair(n: number, base: number, large: string, small: string): string {
  return `${Math.floor(n / base)} ${large} ${String(n % base).padStart(2, "0")} ${small}`;
}

function trim(decimal: string): string {
  return decimal.replace(/\.?0+$/, "");
}

/** "0.83 %", "1.2 %", "67 %". Never says 0 % of something, nor 100 % of less than all. */
export function percent(part: number, whole: number): string {
  if (whole === 0 || part === 0) return "0 %";
  const share = (part / whole) * 100;
  if (share < 0.01) return "< 0.01 %";
  const steps = share < 1 ? 100 : share < 10 ? 10 : 1;
  return `${Math.floor(share * steps + 1e-9) / steps} %`;
}

/** "2,340/s", "41.7/s", "117.5/min": the unit in which the number is neither tiny nor huge. */
export function rate(perSecond: number): string {
  if (perSecond >= 100) return `${count(perSecond)}/s`;
  if (perSecond >= 10) return `${perSecond.toFixed(1)}/s`;
  const perMinute = perSecond * 60;
  return perMinute >= 1 || perMinute === 0
    ? `${trim(perMinute.toFixed(1))}/min`
    : `${trim((perMinute * 60).toFixed(1))}/h`;
}

/** To the cent, or to the first two digits that are not zero: "12.30", "0.0042". */
export function money(amount: number): string {
  const small = amount > 0 && amount < 0.1 ? 1 - Math.floor(Math.log10(amount)) : 2;
  return amount.toFixed(Math.min(small, 8));
}

/** Worker time: "176 h", "24 m 10 s". Takes seconds. */
export function effort(seconds: number): string {
  return seconds >= 36_000 ? `${count(seconds / 3_600)} h` : duration(seconds * 1_000);
}

/** A time of day while that is enough, the day in front of it when it is not: "16:32", "Tue 1 Dec 02:00", "1 Dec 2027". Epoch ms. */
export function instant(at: number, now: number, timeZone?: string): string {
  const zone = timeZone === undefined ? {} : { timeZone };
  const part = (options: Intl.DateTimeFormatOptions, of = at): string =>
    new Intl.DateTimeFormat("en-GB", { ...options, ...zone }).format(of);
  const day = { year: "numeric", month: "short", day: "numeric" } as const;
  const time = part({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  if (part(day) === part(day, now)) return time;
  if (Math.abs(at - now) > 180 * 86_400_000) return part(day);
  const date = part({ weekday: "short", month: "short", day: "numeric" }).replace(",", "");
  return `${date} ${time}`;
}

/** "15:02:41", local. Epoch ms. */
export function timeOfDay(at: number, timeZone?: string): string {
  return new Intl.DateTimeFormat("en-GB", {
    timeStyle: "medium",
    hourCycle: "h23",
    ...(timeZone === undefined ? {} : { timeZone }),
  }).format(at);
}

/** "Fri 20 Nov 2026", local. Epoch ms. */
export function day(at: number, timeZone?: string): string {
  return new Intl.DateTimeFormat("en-GB", {
    weekday: "short",
    day: "numeric",
    month: "short",
    year: "numeric",
    ...(timeZone === undefined ? {} : { timeZone }),
  })
    .format(at)
    .replace(",", "");
}

/** ISO 8601 in UTC, for machines. Epoch ms. */
export function iso(at: number): string {
  return new Date(at).toISOString();
}

/** What may stand on one line of a terminal: control characters, which could move the cursor or recolour it, made visible. */
export function printable(text: string): string {
  return text
    .replace(/\s*[\n\r]+\s*/g, " ⏎ ")
    .replaceAll("\t", " ")
    .replace(/[\p{Cc}\u{202a}-\u{202e}\u{2066}-\u{2069}]/gu, "\u{fffd}");
}

const joined = /[\p{M}\p{Cf}\u{1f3fb}-\u{1f3ff}]/u;
const wide =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}\u{3000}-\u{303e}\u{ff01}-\u{ff60}\u{ffe0}-\u{ffe6}]/u; // oxlint-disable-line no-misleading-character-class -- ranges and properties, no sequences

/** Columns a text takes on a terminal: two for wide characters, none for marks that join the one before. */
export function width(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let columns = 0;
  for (const character of text) {
    if (joined.test(character)) continue;
    columns += wide.test(character) ? 2 : 1;
  }
  return columns;
}

/** The beginning of a text, at most `columns` wide. */
export function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let used = 0;
  let end = 0;
  for (const character of text) {
    used += width(character);
    if (used > columns) break;
    end += character.length;
  }
  return text.slice(0, end);
}

/** The same, with … in place of what is missing. */
export function fit(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  return columns <= 0 ? "" : `${cut(text, columns - 1)}…`;
}

export function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - width(text)));
}

export function padStart(text: string, columns: number): string {
  return " ".repeat(Math.max(0, columns - width(text))) + text;
}

/** " (port 4400 is taken)", where an address is not the one that was asked for. */
export function insteadOf(port: number | undefined, url: string): string {
  const isAsked = port === undefined || port === 0 || new URL(url).port === String(port);
  return isAsked ? "" : ` (port ${port} is taken)`;
}
