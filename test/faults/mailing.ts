/**
 * Mails to hosts under limits, on PostgreSQL: node mailing.ts URL works on them. What is under way, in all processes together, is counted in the
 * database, where nobody's clock matters.
 */
import { Pool } from "pg";
import { z } from "zod";
import { app, flow, job, limit, type App, type Flow } from "../../src/index.ts";

type Mail = { readonly n: number; readonly host: string };
type Size = { mails: number; hosts: string[] };

const mailSchema = z.object({ n: z.number(), host: z.string() });
const size = z.object({
  mails: z.number(),
  hosts: z.array(z.string()),
});

/** Of each partition one, of two partitions. */
export const perHost = 2;
export const perJob = 5;
/** This host tells everybody to come back later. */
export const busyHost = "busy";

export const table = `
  create table usage (host text primary key, now integer not null default 0, most integer not null default 0, begun integer not null default 0)`;

export function mailing(url: string): {
  readonly mails: App;
  readonly all: Flow<"all", Size>;
  readonly close: () => Promise<void>;
} {
  const pool = new Pool({ connectionString: url, max: 4 });
  const begins = (host: string) =>
    pool.query(
      `insert into usage values ($1, 1, 1, 1)
       on conflict (host) do update set now = usage.now + 1, most = greatest(usage.most, usage.now + 1), begun = usage.begun + 1`,
      [host],
    );
  const ends = (host: string) =>
    pool.query(`update usage set now = now - 1 where host = $1`, [host]);
  const hosts = limit("hosts", { key: ({ host }: Mail) => host, concurrency: perHost });
  const smtp = limit("smtp", { concurrency: perJob });
  const mail = job("mail", {
    input: mailSchema,
    limits: [hosts, smtp],
    retry: 1,
    async run({ host }, ctx) {
      await begins(host);
      await begins("all");
      if (host !== busyHost) await new Promise((resolve) => setTimeout(resolve, 5));
      await ends(host);
      await ends("all");
      return host === busyHost ? ctx.retryLater("1h", "429 Retry-After", { of: "key" }) : null;
    },
  });
  const all = flow("all", { input: size }).fanOut("mail", mail, {
    over: ({ input }) =>
      Array.from({ length: input.mails }, (_, n) => ({
        n,
        host: input.hosts[n % input.hosts.length] ?? "",
      })),
    key: ({ n }) => `k${n}`,
  });
  const mails = app({ name: "mails", parts: [all, mail], url: `${url}?partitions=2` });
  return {
    mails,
    all,
    async close() {
      await mails.close();
      await pool.end();
    },
  };
}

if (import.meta.main) {
  const { mails, close } = mailing(process.argv[2] ?? "");
  await mails.work({ concurrency: 20, onReady: () => process.stdout.write("ready\n") });
  await close();
}
