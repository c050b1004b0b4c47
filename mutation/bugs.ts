/** All bugs that are planted, in the order of the table. */
import type { Bug } from "./bug.ts";
import { inCore } from "./bugs/core.ts";
import { inEngines } from "./bugs/engines.ts";
import { inRoles } from "./bugs/roles.ts";

export const bugs: readonly Bug[] = [...inCore, ...inRoles, ...inEngines];
