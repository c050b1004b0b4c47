/** The world of the demo: customers, a PDF printer and a mail server that take virtual minutes and fail as they do in life. */
import { chance } from "../../core/chance.ts";
import type { Ctx } from "../../define/ctx.ts";
import type { Schema } from "../../define/schema.ts";
import type { Clock } from "../../ports/clock.ts";

export type Customer = { readonly id: string; readonly index: number };

export type World = {
  readonly customers: () => Iterable<Customer>;
  /** Takes a virtual minute on average; runs out of memory for a few. */
  readonly print: (customer: Customer, ctx: Ctx) => Promise<number>;
  /** Throws what a mail server says; a few customers have no address. */
  readonly mail: (customer: Customer, ctx: Ctx) => void;
  /** From now on the mail server takes what it refused. */
  readonly repairMail: () => void;
};

export type WorldOptions = {
  readonly items: number;
  /** How often real time goes into virtual time. */
  readonly speed: number;
  /** Of the items, how many fail for good. */
  readonly failures: number;
  readonly clock: Clock;
};

const meanMs = 60_000;
/** Standard deviation over mean, as measured of rendering jobs. */
const variation = 0.6;
/** Of all that fail: 61 + 18 + 4 of 83. */
const mailboxShare = 61 / 83;
const addressShare = 18 / 83;
/** How many fail once and pass the second time. */
const shakyShare = 0.02;

export function world({ items, speed, failures, clock }: WorldOptions): World {
  const step = coprime(items);
  const busy = Math.round(failures * mailboxShare);
  const nameless = busy + Math.round(failures * addressShare);
  let isMailRepaired = false;
  /** A place in a shuffled order, so that exactly as many fail as were asked for, everywhere in the list. */
  const rank = (index: number): number => (index * step) % items;

  return {
    *customers() {
      for (let index = 0; index < items; index += 1)
        yield { id: `c-${String(index + 1).padStart(5, "0")}`, index };
    },
    async print({ index }, ctx) {
      await clock.sleep(minutes(index, ctx.attempt) / speed, ctx.signal);
      const place = rank(index);
      if (place >= nameless && place < failures) ctx.fatal("render exceeded 512 MB");
      return 500 + Math.floor(chance("cents", index) * 90_000);
    },
    mail({ index }, ctx) {
      const place = rank(index);
      if (place < busy && !isMailRepaired) throw new Error("451 4.3.2 mailbox busy, try later");
      if (place >= busy && place < nameless) ctx.fatal("customer has no address");
      if (ctx.attempt === 1 && place >= failures && place < failures + items * shakyShare)
        throw new Error("421 4.4.2 connection timed out");
    },
    repairMail() {
      isMailRepaired = true;
    },
  };
}

/** Log-normal, the same for the same attempt: Box and Muller's transform of two draws. */
function minutes(index: number, attempt: number): number {
  const variance = Math.log(1 + variation ** 2);
  const radius = Math.sqrt(-2 * Math.log(1 - chance("radius", index, attempt)));
  const normal = radius * Math.cos(2 * Math.PI * chance("angle", index, attempt));
  return meanMs * Math.exp(normal * Math.sqrt(variance) - variance / 2);
}

/** A stride that meets every number below n once: no divisor in common. */
function coprime(n: number): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  let stride = Math.max(1, Math.floor(n * 0.618));
  while (divisor(stride, n) !== 1) stride += 1;
  return stride;
}

/** What a schema library would say; the demo installs none. */
export const customer: Schema<Customer, Customer> = unchecked();
export const month: Schema<{ readonly month: string }, { readonly month: string }> = unchecked();

function unchecked<T>(): Schema<T, T> {
  const validate = (value: unknown): { readonly value: T } => ({ value: value as T }); // oxlint-disable-line typescript/no-unsafe-type-assertion -- the demo hands it what its own code made
  return { "~standard": { version: 1, vendor: "fanfold", validate } };
}
