/** What counting one duration costs. Run: node bench/histogram.ts */
import {
  emptyHistogram,
  mergeHistogram,
  mergeSparse,
  percentile,
  record,
  toSparse,
} from "../src/core/histogram.ts";

const count = 1 << 16;
const us = Float64Array.from({ length: count }, (_, n) => Math.exp(((n * 7_919) % count) / 2_500));

function time(name: string, calls: number, work: () => void): void {
  for (let warm = 0; warm < 3; warm += 1) work();
  const began = performance.now();
  work();
  const ns = ((performance.now() - began) / calls) * 1e6;
  process.stdout.write(`${name.padEnd(44)} ${ns.toFixed(1).padStart(9)} ns\n`);
}

const histogram = emptyHistogram();
time("record one duration", count * 100, () => {
  for (let round = 0; round < 100; round += 1) for (const one of us) record(histogram, one);
});
const sparse = toSparse(histogram);
time(`merge ${sparse.length / 2} buckets in place`, 10_000, () => {
  for (let round = 0; round < 10_000; round += 1) mergeHistogram(histogram, sparse);
});
time("merge two values", 10_000, () => {
  for (let round = 0; round < 10_000; round += 1) mergeSparse(sparse, sparse);
});
time("percentile of a value", 10_000, () => {
  for (let round = 0; round < 10_000; round += 1) percentile(sparse, 0.99);
});
