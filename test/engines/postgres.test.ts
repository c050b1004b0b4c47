import { test } from "node:test";
import { engineContract } from "../../src/contract/engine.ts";
import { newDatabase, skip, sql } from "../servers/databases.ts";
import { bench } from "./postgres-bench.ts";

for (const partitions of [1, 3]) {
  let url: Promise<string> | undefined;
  engineContract(
    (title, body) => test(title, { skip }, body),
    async () => {
      url ??= newDatabase();
      await sql(await url, "drop schema if exists fanfold cascade; drop table if exists clock");
      return bench(await url, partitions);
    },
  );
}
