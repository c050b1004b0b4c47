import type { Log } from "../define/ctx.ts";

export type LogTo = (level: keyof Log, message: string, data: object) => void;

/** Messages go where the user says; to standard error, a line each, where they say nothing (debug is dropped there). */
export function logTo(log: Log | undefined): LogTo {
  if (log !== undefined) return (level, message, data) => log[level](message, data);
  return (level, message, data) => {
    if (level === "debug") return;
    const more = Object.keys(data).length === 0 ? "" : ` ${JSON.stringify(data)}`;
    process.stderr.write(`${level} ${message.replaceAll(/\p{Cc}/gu, " ")}${more}\n`);
  };
}
