import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Invoice } from "./invoices.ts";
import { isRefusedForGood, mailer, type Mailer, messageId, recipient } from "./mail.ts";
import { mailServer, type MailServer, type MailServerOptions } from "./smtp.ts";

const invoice: Invoice = {
  invoice: "536365",
  kind: "invoice",
  date: "2010-12-01",
  customer: "17850",
  country: "United Kingdom",
  pence: 1_275,
  lines: [],
};
const pdf = Buffer.from("%PDF-1.3 …");

/** Runs a test against a server and a mailer of its own, and ends them. */
async function withMail(
  options: MailServerOptions,
  body: (mail: Mailer, server: MailServer) => Promise<void>,
): Promise<void> {
  const server = await mailServer(options);
  const mail = mailer(server.url);
  try {
    await body(mail, server);
  } finally {
    mail.close();
    await server.close();
  }
}

function withFolder(body: (folder: string) => Promise<void>): () => Promise<void> {
  return async () => {
    const folder = mkdtempSync(join(tmpdir(), "fanfold-mail-"));
    await body(folder).finally(() => rmSync(folder, { recursive: true }));
  };
}

test(
  "a mail arrives with its document, its customer and its key",
  withFolder((folder) =>
    withMail({ folder }, async (mail, server) => {
      assert.deepEqual(await mail.send(invoice, pdf, "run/invoices/536365"), {
        to: "customer-17850@customers.example",
      });
      const [name = ""] = readdirSync(folder);
      const text = readFileSync(join(folder, name), "utf8");
      assert.match(text, /^To: customer-17850@customers\.example\r$/m);
      assert.match(text, /^Message-ID: <run\/invoices\/536365@shop\.example>\r$/m);
      assert.match(text, /filename=536365\.pdf/);
      assert.ok(text.includes(pdf.toString("base64")));
      assert.deepEqual(server.counts(), { mails: 1, repeats: 0, busy: 0 });
    }),
  ),
);

test(
  "a mail delivered twice is there once, and counted as a repeat",
  withFolder((folder) =>
    withMail({ folder }, async (mail, server) => {
      await mail.send(invoice, pdf, "same");
      await mail.send(invoice, pdf, "same");
      await mail.send(invoice, pdf, "other");
      assert.deepEqual(server.counts(), { mails: 2, repeats: 1, busy: 0 });
      assert.equal(readdirSync(folder).length, 2);
    }),
  ),
);

test(
  "a mail that was half in the folder when its server was killed is gone with the next server",
  withFolder(async (folder) => {
    writeFileSync(join(folder, "7-4711.part"), "half a ma");
    await withMail({ folder }, async (mail, server) => {
      await mail.send(invoice, pdf, "whole");
      assert.deepEqual(server.counts(), { mails: 1, repeats: 0, busy: 0 });
    });
    assert.equal(readdirSync(folder).length, 1);
  }),
);

test(
  "a busy mailbox says 451 once, which is worth another attempt, and then takes the mail",
  withFolder((folder) =>
    withMail({ folder, busyShare: 1 }, async (mail, server) => {
      await assert.rejects(mail.send(invoice, pdf, "key"), (error) => {
        assert.match(String(error), /451 4\.3\.2 mailbox busy/);
        return !isRefusedForGood(error);
      });
      await mail.send(invoice, pdf, "key");
      assert.deepEqual(server.counts(), { mails: 1, repeats: 0, busy: 1 });
    }),
  ),
);

test(
  "busy for about the share asked for, and for the same mails every time",
  withFolder(async (folder) => {
    async function busyOf(): Promise<readonly number[]> {
      const busy: number[] = [];
      await withMail({ folder, busyShare: 0.2, seed: 7 }, async (mail) => {
        for (let at = 0; at < 100; at++) {
          await mail.send(invoice, pdf, `key-${at}`).catch(() => busy.push(at));
        }
      });
      for (const name of readdirSync(folder)) rmSync(join(folder, name));
      return busy;
    }
    const busy = await busyOf();
    assert.ok(busy.length > 8 && busy.length < 35, `${busy.length} of 100`);
    assert.deepEqual(await busyOf(), busy);
  }),
);

test(
  "mails survive the server: started again, it knows them",
  withFolder(async (folder) => {
    await withMail({ folder }, async (mail) => void (await mail.send(invoice, pdf, "key")));
    await withMail({ folder, busyShare: 1 }, async (mail, server) => {
      assert.deepEqual(server.counts(), { mails: 1, repeats: 0, busy: 0 });
      await mail.send(invoice, pdf, "key");
      assert.deepEqual(server.counts(), { mails: 1, repeats: 1, busy: 0 });
    });
  }),
);

test("without a customer's account, the shop's archive receives the document", () => {
  assert.equal(recipient({ ...invoice, customer: null }), "archive@shop.example");
});

test("a Message-ID is legal whatever the key contains, and tells keys apart", () => {
  const keys = ["a", "a/b", "a=2Fb", "a%2Fb", "a b", "<>@", "a.b", "ä", "a\r\nBcc: x", "(a)"];
  const ids = keys.map(messageId);
  assert.equal(new Set(ids).size, keys.length);
  for (const id of ids) assert.match(id, /^<[A-Za-z0-9/=_-]+@shop\.example>$/);
});
