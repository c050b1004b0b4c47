/** A month's order lines that the project makes itself: as many as asked for, always the same, with every oddity of real ones. */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

export type SampleOptions = {
  readonly invoices: number;
  readonly seed?: number;
};

const header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";

/** Writes the file; complete or not at all. */
export function writeSample(file: string, options: SampleOptions): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.part`, sampleCsv(options));
  renameSync(`${file}.part`, file);
}

/** The text of the file. Its lines are not sorted by invoice, as in life. */
export function sampleCsv({ invoices, seed = 1 }: SampleOptions): string {
  const random = chance(seed);
  const lines: string[] = [];
  for (let at = 0; at < invoices; at++) lines.push(...invoiceLines(at, random));
  shuffle(lines, random);
  return [header, ...lines, ""].join("\n");
}

type Chance = () => number;
type Product = readonly [code: string, description: string, price: string];

const products: readonly Product[] = [
  ["10002", "INFLATABLE GLOBE", "0.85"],
  ["20725", "LUNCH BAG RED SPOTTY", "1.65"],
  ["21034", 'SIGN, "REX CASH+CARRY", LARGE', "0.95"],
  ["21730", "GLASS STAR T-LIGHT HOLDER", "4.25"],
  ["22423", "CAKE STAND, 3 TIERS", "12.75"],
  ["22633", "HAND WARMER UNION JACK", "1.85"],
  ["22720", "SET OF 3 CAKE TINS ", "4.95"],
  ["22865", 'RECORD FRAME 7" SINGLE SIZE', "2.55"],
  ["23084", "NIGHT LIGHT HARE", "2.08"],
  ["47566", "PARTY BUNTING, 10 M", "4.95"],
  ["84077", "PAPER STAR, SMALLEST", "0.055"],
  ["85123A", "HANGING HEART T-LIGHT HOLDER", "2.95"],
  ["POST", "POSTAGE", "18.00"],
];
const gift: Product = ["22168", "CATALOGUE", "0.0"];
/** More often the ones that come first. */
const countries = [
  "United Kingdom",
  "Germany",
  "France",
  "EIRE",
  "Spain",
  "Netherlands",
  "Belgium",
  "Switzerland",
  "Portugal",
  "Norway",
  "Finland",
  "Japan",
];

function invoiceLines(at: number, random: Chance): readonly string[] {
  const oddity = random();
  const isStock = oddity < 0.004;
  const isCredit = oddity > 0.96;
  const isCash = isStock || random() < 0.06;
  const isBadDebt = at % 997 === 996;
  const number = `${isBadDebt ? "A" : isCredit ? "C" : ""}${600_000 + at}`;
  const customer = isCash || isBadDebt ? "" : customerOf(random);
  const country = pick(countries, random() ** 3);
  const minute = 8 * 60 + whole(random, 0, 599);
  const date = `2026-10-${two(whole(random, 1, 31))} ${two(Math.floor(minute / 60))}:${two(minute % 60)}:00`;
  const line = ([code, description, price]: Product, quantity: number): string =>
    [number, code, quoted(description), quantity, date, price, customer, country].join(",");

  if (isStock) return [line(["23343", "damages, wet", "0.0"], -whole(random, 1, 90))];
  if (isBadDebt) return [line(["B", "Adjust bad debt", `${whole(random, 50, 900)}.06`], -1)];
  const sign = isCredit ? -1 : 1;
  const lines = Array.from({ length: whole(random, 1, 6) }, () =>
    line(pick(products, random()), sign * whole(random, 1, 48)),
  );
  if (!isCredit && random() < 0.02) lines.push(line(gift, 1));
  return lines;
}

/** A few customers buy a lot. */
function customerOf(random: Chance): string {
  return `${12_300 + Math.floor(random() ** 2 * 900)}.0`;
}

function quoted(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}

function pick<T>(from: readonly T[], share: number): T {
  const picked = from[Math.floor(share * from.length)];
  if (picked === undefined) throw new RangeError(`nothing at ${share} of ${from.length}`);
  return picked;
}

/** From `least` to `most`, both included. */
function whole(random: Chance, least: number, most: number): number {
  return least + Math.floor(random() * (most - least + 1));
}

function shuffle(lines: string[], random: Chance): void {
  for (let at = lines.length - 1; at > 0; at--) {
    const other = whole(random, 0, at);
    [lines[at], lines[other]] = [lines[other] ?? "", lines[at] ?? ""];
  }
}

/** Numbers from 0 to below 1, the same ones for the same seed (mulberry32). */
function chance(seed: number): Chance {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
