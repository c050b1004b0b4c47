/** What the invoices need of the world. */
export type Customer = {
  readonly customerId: string;
  readonly email: string;
  readonly month: string;
};

type Customers = {
  readonly count: (month: string) => number;
  readonly of: (month: string) => Iterable<Customer>;
};

type Pdf = {
  readonly render: (
    customerId: string,
    month: string,
    signal: AbortSignal,
  ) => Promise<{ readonly url: string; readonly cents: number }>;
};

type Mail = {
  readonly send: (to: string, url: string, idempotencyKey: string) => Promise<void>;
  /** Resolves to the message's id. */
  readonly report: (month: string, sums: Readonly<Record<string, number>>) => Promise<string>;
};

const many = 10_000;

export const customers: Customers = {
  count: () => many,
  *of(month) {
    for (let n = 1; n <= many; n += 1)
      yield { customerId: `c${n}`, email: `c${n}@example.com`, month };
  },
};

export const pdf: Pdf = {
  render: async (customerId) => ({ url: `https://files.example/${customerId}.pdf`, cents: 990 }),
};

export const mail: Mail = {
  async send() {
    throw new Error("no mail leaves this example: the test has a stub in the job's place");
  },
  report: async (month, { sent, expected, failed }) =>
    `msg_${month}: ${sent} of ${expected} sent, ${failed} failed`,
};
