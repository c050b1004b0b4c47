/** Money is a whole number of pence; unit prices, which may be finer than a penny, are in millionths of a pound. */

const sterling = new Intl.NumberFormat("en-GB", { style: "currency", currency: "GBP" });
const microsPerPenny = 10_000;

/**
 * What a line comes to, in pence: rounded half away from zero, so that a credit note cancels its invoice to the penny.
 *
 * Rounding is per line, as it is printed: a reader who adds up the lines of an invoice gets its total.
 */
export function linePence(quantity: number, unitMicros: number): number {
  const micros = quantity * unitMicros;
  if (!Number.isSafeInteger(micros)) {
    throw new RangeError(
      `${quantity} × ${unitMicros} millionths of a pound is beyond exact arithmetic`,
    );
  }
  const pence = Math.floor((Math.abs(micros) + microsPerPenny / 2) / microsPerPenny);
  return micros < 0 && pence > 0 ? -pence : pence;
}

/** Pence as people read them: 123456 is "£1,234.56". */
export function pounds(pence: number): string {
  return sterling.format(pence / 100);
}

/** A unit price with at least two decimals, and more only where they say something: "£0.85", "£0.001". */
export function unitPrice(unitMicros: number): string {
  if (unitMicros % microsPerPenny === 0) return pounds(unitMicros / microsPerPenny);
  return `£${(unitMicros / 1_000_000).toFixed(6).replace(/0+$/, "")}`;
}
