/** A worker process of a peer: MODULE URL SLOTS SLEEP-MS. */
import { serve, type Peer } from "./crew.ts";

const [module = "", url = "", slots = "", sleepMs = ""] = process.argv.slice(2);
const { peer } = (await import(module)) as { readonly peer: Peer }; // oxlint-disable-line typescript/no-unsafe-type-assertion -- crew.ts names it
await serve(peer, url, Number(slots), Number(sleepMs));
