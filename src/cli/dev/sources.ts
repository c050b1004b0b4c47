/** Which files an app is made of, as Node loads them. */
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

/** Ours are not the user's, wherever they are. */
const own = new URL("../../", import.meta.url).href;

/** From now on, every file that is imported and may be edited: no packages, nothing of Node's or of ours. */
export function imported(): () => readonly string[] {
  const files = new Set<string>();
  const add = (url: string): void => {
    if (url.startsWith("file:") && !url.includes("/node_modules/") && !url.startsWith(own))
      files.add(fileURLToPath(url));
  };
  registerHooks({
    resolve(specifier, context, next) {
      try {
        const resolved = next(specifier, context);
        add(resolved.url);
        return resolved;
      } catch (error) {
        // Not there yet: when it is, the app can be loaded.
        if (/^\.{0,2}\//.test(specifier)) add(new URL(specifier, context.parentURL).href);
        throw error;
      }
    },
  });
  return () => [...files];
}
