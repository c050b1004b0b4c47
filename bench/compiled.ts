/**
 * Whoever imports this runs Fanfold as it is installed: what is imported from `src` comes from `dist`, compiled before the bench.
 *
 * Sources would run as well, but a new process would spend its first tenth of a second taking the types out of them.
 */
import { registerHooks } from "node:module";

const sources = new URL("../src/", import.meta.url).href;
const built = new URL("../dist/", import.meta.url).href;

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    if (!found.url.startsWith(sources)) return found;
    const url = `${built}${found.url.slice(sources.length).replace(/\.ts$/, ".js")}`;
    return { ...found, url, format: "module" };
  },
});
