import type { StandardSchemaV1 } from "@standard-schema/spec";
import { UsageError } from "../errors.ts";
import { shown } from "./duration.ts";
import { pathText } from "./json.ts";

/** Any Standard Schema: zod, valibot, arktype … */
export type Schema<I = unknown, O = unknown> = StandardSchemaV1<I, O>;
export type SchemaInput<S extends Schema> = StandardSchemaV1.InferInput<S>;
export type SchemaOutput<S extends Schema> = StandardSchemaV1.InferOutput<S>;

/** Throws UsageError unless `value` is a Standard Schema: for callers without a compiler. */
export function checkSchema(value: unknown, what: string): void {
  const holder = (typeof value === "object" && value !== null) || typeof value === "function";
  const standard: unknown = holder ? Reflect.get(value, "~standard") : undefined;
  const isSchema =
    typeof standard === "object" &&
    standard !== null &&
    typeof Reflect.get(standard, "validate") === "function";
  if (isSchema) return;
  throw new UsageError(
    `${what} must be a Standard Schema (zod, valibot, arktype …), got ${shown(value)}`,
  );
}

/**
 * What the schema makes of the value; a promise only if the schema is asynchronous.
 *
 * Throws (or rejects with) UsageError in the schema's own words, with the path: `input of run "r": .month: Required`.
 */
export function validate<O>(
  schema: Schema<unknown, O>,
  value: unknown,
  what: string,
): O | Promise<O> {
  const result = schema["~standard"].validate(value);
  return result instanceof Promise
    ? result.then((late) => accept(late, what))
    : accept(result, what);
}

function accept<O>(result: StandardSchemaV1.Result<O>, what: string): O {
  if (result.issues === undefined) return result.value;
  const issues = result.issues.map(({ message, path }) => ({
    path: pathText((path ?? []).map((part) => (typeof part === "object" ? part.key : part))),
    message,
  }));
  const said = issues
    .slice(0, 3)
    .map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  if (issues.length > said.length) said.push(`and ${issues.length - said.length} more`);
  throw new UsageError(`${what}: ${said.join("; ")}`, { details: { issues } });
}
