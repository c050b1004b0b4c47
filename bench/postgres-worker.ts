/** A worker process of the bench on PostgreSQL: works until it is told to stop. */
import { fanfoldOn } from "./fanfold.ts";

const [url = "", slots = "1000", sleepMs = "0"] = process.argv.slice(2);
const { fanfold } = fanfoldOn(url, Number(sleepMs));
await fanfold.work({ concurrency: Number(slots), onReady: () => void process.send?.("ready") });
process.exit(0);
