import assert from "node:assert/strict";
import { test } from "node:test";

import { Pace, sleep } from "../dist/pace.js";

test("full jitter: from nothing up to a bound that doubles and has an end", () => {
  const highest = new Pace(100, 5_000, () => 1);
  assert.deepEqual(Array.from({ length: 8 }, () => highest.next()), [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  for (let i = 0; i < 2_000; i++) highest.next();
  assert.equal(highest.next(), 5_000, "no overflow");
  highest.reset();
  assert.equal(highest.next(), 100);

  const lowest = new Pace(100, 5_000, () => 0);
  assert.deepEqual(Array.from({ length: 8 }, () => lowest.next()), Array(8).fill(0));
  const real = new Pace(100, 5_000);
  for (const bound of [100, 200, 400, 800]) {
    const pause = real.next();
    assert.ok(pause >= 0 && pause < bound, `${pause} within ${bound}`);
  }
});

test("a pause ends at once with the try that it belongs to", async () => {
  const attempt = new AbortController();
  const pause = sleep(3_600_000, attempt.signal);
  attempt.abort();
  await pause;
  await sleep(3_600_000, attempt.signal);
});
