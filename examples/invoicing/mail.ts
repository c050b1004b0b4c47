/** Documents by mail: a few SMTP connections, kept open, shared by all sub-jobs. */
import { createTransport } from "nodemailer";
import type { Invoice } from "./invoices.ts";
import { pounds } from "./money.ts";
import { shop } from "./shop.ts";

export type Mailer = {
  /**
   * Sends a document; resolves when the server took responsibility for it. Rejects with the server's own words.
   *
   * `key` identifies the mail, not the attempt: it becomes the Message-ID, by which a mail that arrives twice is recognised.
   */
  readonly send: (invoice: Invoice, pdf: Buffer, key: string) => Promise<{ readonly to: string }>;
  /** Closes the connections, so that the program can end. */
  readonly close: () => void;
};

/** Mails through `smtp://host:port`; opens connections when it has something to send, at most `connections`. */
export function mailer(url: string, connections = 8): Mailer {
  const { hostname, port } = new URL(url);
  const transport = createTransport({
    pool: true,
    host: hostname,
    port: Number(port),
    maxConnections: connections,
    maxMessages: Number.POSITIVE_INFINITY,
    ignoreTLS: true, // The server is on this machine.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    async send(invoice, pdf, key) {
      const to = recipient(invoice);
      const what = `${invoice.kind} ${invoice.invoice}`;
      await transport.sendMail({
        messageId: messageId(key),
        date: new Date(`${invoice.date}T00:00:00Z`),
        from: shop.from,
        to,
        subject: `${capital(what)}: ${pounds(invoice.pence)}`,
        text: `Please find attached ${what} of ${invoice.date} over ${pounds(invoice.pence)}.\n\n${shop.name}\n`,
        attachments: [
          { filename: `${invoice.invoice}.pdf`, content: pdf, contentType: "application/pdf" },
        ],
      });
      return { to };
    },
    close: () => transport.close(),
  };
}

/** The customer; without one, the shop's own archive. */
export function recipient({ customer }: Invoice): string {
  return customer === null ? shop.archive : `customer-${customer}@customers.example`;
}

/** The Message-ID of a key: the same on every attempt, different for different keys, legal whatever the key contains. */
export function messageId(key: string): string {
  const safe = encodeURIComponent(key)
    .replaceAll("%", "=")
    .replaceAll(/[.!~*'()]/g, (letter) => `=${letter.charCodeAt(0).toString(16).toUpperCase()}`);
  return `<${safe.replaceAll("=2F", "/")}@shop.example>`;
}

/** Whether the server refused for good (5xx): trying the same again will not help. */
export function isRefusedForGood(error: unknown): boolean {
  return (
    error instanceof Error &&
    "responseCode" in error &&
    typeof error.responseCode === "number" &&
    error.responseCode >= 500
  );
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
