import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bag, type Placed } from "./bag.ts";

type Entry = Placed & { readonly name: number };

test("a bag is a set, whatever comes and goes", () => {
  const step = fc.record({ name: fc.nat({ max: 12 }), isAdded: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const entries = Array.from({ length: 13 }, (_, name): Entry => ({ name, place: -1 }));
      const things = bag<Entry>();
      const model = new Set<Entry>();
      for (const { name, isAdded } of steps) {
        const entry = entries[name];
        assert.ok(entry !== undefined);
        if (!isAdded) {
          things.remove(entry);
          model.delete(entry);
        } else if (!model.has(entry)) {
          things.add(entry);
          model.add(entry);
        }
        assert.equal(things.size(), model.size);
        assert.deepEqual(new Set(things.all()), model);
      }
    }),
  );
});

test("what is in a bag can be taken out of it one after another", () => {
  const things = bag<Entry>();
  for (let name = 0; name < 5; name++) things.add({ name, place: -1 });
  for (const entry of things.all()) things.remove(entry);
  assert.equal(things.size(), 0);
});

test("nothing is in a bag twice, nor in two", () => {
  const entry: Entry = { name: 1, place: -1 };
  bag<Entry>().add(entry);
  assert.throws(() => bag<Entry>().add(entry), /what is added to a bag is in none/);
  assert.throws(() => bag<Entry>().remove(entry), /is where it says/);
});
