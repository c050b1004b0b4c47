/**
 * A real mail server for the demo and the tests: speaks SMTP on loopback and keeps what it gets in a folder, one .eml a mail.
 *
 * A second delivery of a Message-ID replaces the first and is counted as a repeat: at-least-once in, once in the folder. The
 * folder is the server's whole memory of mails, so it may be killed and started again. (A mail is renamed into place when
 * whole, which survives kill -9; a power cut would need an fsync per mail as well, which a demo does not pay for.)
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SMTPServer } from "smtp-server";

export type MailCounts = {
  /** Different mails in the folder, whoever put them there. */
  readonly mails: number;
  /** Deliveries of a mail that was there already, since the start. */
  readonly repeats: number;
  /** Deliveries refused with 451, since the start. */
  readonly busy: number;
};

export type MailServer = {
  /** smtp://127.0.0.1:port */
  readonly url: string;
  readonly counts: () => MailCounts;
  /** Ends its connections; resolves when nothing runs. */
  readonly close: () => Promise<void>;
};

export type MailServerOptions = {
  readonly folder: string;
  /** Zero: any free port. */
  readonly port?: number;
  /** Share of the mails whose first delivery is answered with "451 4.3.2 mailbox busy", from 0 to 1. */
  readonly busyShare?: number;
  /** Which mails those are. */
  readonly seed?: number;
};

/** The largest mail it takes. */
const mailBytes = 10_485_760;

/** How the names of mails end that are not whole yet. */
const arriving = ".part";

/** Starts the server; rejects if it cannot listen. Mails that a killed server had half in the folder are removed. */
export async function mailServer(options: MailServerOptions): Promise<MailServer> {
  const { folder, port = 0, busyShare = 0, seed = 1 } = options;
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) if (name.endsWith(arriving)) rmSync(join(folder, name)); // Never acknowledged: they come again.
  const kept = new Set(readdirSync(folder).filter((name) => name.endsWith(".eml")));
  const turnedAway = new Set<string>();
  let repeats = 0;
  let arrivals = 0;

  /** True the first time, for the chosen share of the mails. */
  function isBusyFor(name: string): boolean {
    if (kept.has(name) || turnedAway.has(name) || chance(seed, name) >= busyShare) return false;
    turnedAway.add(name);
    return true;
  }

  async function receive(mail: Buffer): Promise<void> {
    const name = fileName(mail);
    if (isBusyFor(name)) throw reply(451, "4.3.2 mailbox busy, try again later");
    const partial = join(folder, `${++arrivals}-${process.pid}${arriving}`);
    await writeFile(partial, mail);
    await rename(partial, join(folder, name));
    if (kept.has(name)) repeats++;
    kept.add(name);
  }

  const server = new SMTPServer({
    disabledCommands: ["AUTH", "STARTTLS"],
    disableReverseLookup: true,
    size: mailBytes,
    onData(stream, _session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        if (stream.sizeExceeded) done(reply(552, `5.3.4 larger than ${mailBytes} bytes`));
        else receive(Buffer.concat(chunks)).then(() => done(), done);
      });
    },
  });
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  const socket = server.listen(port, "127.0.0.1", resolve);
  await listening;
  server.off("error", reject);
  server.on("error", () => {}); // Of one connection: its client has seen it, and delivers again.
  const address = socket.address();
  if (address === null || typeof address === "string") throw new Error("not listening on TCP");

  return {
    url: `smtp://127.0.0.1:${address.port}`,
    counts: () => ({ mails: kept.size, repeats, busy: turnedAway.size }),
    close: () => {
      const { promise, resolve: closed } = Promise.withResolvers<void>();
      server.close(closed);
      return promise;
    },
  };
}

/** Its Message-ID, made fit for a file system; a mail without one is known by its content. */
function fileName(mail: Buffer): string {
  const end = mail.indexOf("\r\n\r\n");
  const header = mail.toString("latin1", 0, end === -1 ? mail.length : end);
  const id = /^message-id:\s*<([^>]+)>/im.exec(header)?.[1];
  const name = id === undefined ? digest(mail) : encodeURIComponent(id).replaceAll("%40", "@");
  return `${name.length <= 200 ? name : digest(name)}.eml`;
}

/** A number from 0 to below 1 that depends on the seed and the name, and on nothing else. */
function chance(seed: number, name: string): number {
  return Number.parseInt(digest(`${seed} ${name}`).slice(0, 8), 16) / 2 ** 32;
}

function digest(of: string | Buffer): string {
  return createHash("sha256").update(of).digest("hex");
}

function reply(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}
