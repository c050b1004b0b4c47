/** A network between a program and its server, which a test can cut and heal. */
import { connect, createServer, type Socket } from "node:net";
import { once } from "node:events";

export type Proxy = {
  /** The URL, by way of this proxy. */
  readonly url: string;
  /** Resets what is open, and refuses what comes. */
  readonly cut: () => void;
  /** Lets nothing through, and says nothing: as a cable that is pulled. */
  readonly silence: () => void;
  readonly heal: () => void;
  readonly close: () => Promise<void>;
};

export async function proxyTo(target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  let state: "whole" | "cut" | "silent" = "whole";
  const server = createServer((from) => {
    if (state === "cut") {
      from.resetAndDestroy();
      return;
    }
    const to = connect(Number(port), hostname);
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      open.add(one);
      one.on("data", (chunk) => {
        if (state === "whole") other.write(chunk);
      });
      one.on("error", () => undefined);
      one.once("close", () => {
        open.delete(one);
        other.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const url = new URL(target);
  if (typeof address === "object" && address !== null) url.port = String(address.port);
  const end = (): void => {
    for (const socket of open) socket.resetAndDestroy();
  };
  return {
    url: url.href,
    cut() {
      state = "cut";
      end();
    },
    silence() {
      state = "silent";
    },
    heal() {
      if (state === "silent") end(); // What was swallowed does not come back.
      state = "whole";
    },
    async close() {
      end();
      server.close();
      await once(server, "close");
    },
  };
}
