import assert from "node:assert/strict";
import { test } from "node:test";

import { mostNodes } from "../dist/nodes.js";
import { Memory, pageStore } from "../dist/store.js";

const FIRST = "https://a.example";

function storeOf(entries = {}) {
  const map = new Map(Object.entries(entries));
  return { map, getItem: (key) => map.get(key) ?? null, setItem: (key, value) => void map.set(key, value) };
}

test("a list is kept for the next start, for each first address its own", () => {
  const store = storeOf();
  new Memory(store, FIRST).write(["https://b.example", FIRST]);
  new Memory(store, "https://other.example").write(["https://c.example"]);
  assert.deepEqual(new Memory(store, FIRST).read(), ["https://b.example", FIRST]);
  assert.deepEqual([...store.map.keys()], [`evenkeel.nodes:${FIRST}`, "evenkeel.nodes:https://other.example"]);
});

test("garbage is no list", () => {
  for (const garbage of ["", "{", "null", "7", '"https://b.example"', '{"0":"https://b.example"}']) {
    assert.deepEqual(new Memory(storeOf({ [`evenkeel.nodes:${FIRST}`]: garbage }), FIRST).read(), [], garbage);
  }
  const mixed = storeOf({ [`evenkeel.nodes:${FIRST}`]: '[1,null,"https://b.example",[]]' });
  assert.deepEqual(new Memory(mixed, FIRST).read(), ["https://b.example"]);
});

test("a list of somebody else's length is cut", () => {
  const long = JSON.stringify(Array.from({ length: 10_000 }, (_, i) => `https://n${i}.example`));
  assert.equal(new Memory(storeOf({ [`evenkeel.nodes:${FIRST}`]: long }), FIRST).read().length, mostNodes);
});

test("a store that is full, forbidden or not there keeps nobody from connecting", () => {
  const broken = {
    getItem: () => {
      throw new Error("forbidden");
    },
    setItem: () => {
      throw new Error("full");
    },
  };
  for (const store of [broken, null]) {
    const memory = new Memory(store, FIRST);
    memory.write([FIRST]);
    assert.deepEqual(memory.read(), []);
  }
});

test("a page that may not look at its localStorage has none", () => {
  const before = Object.getOwnPropertyDescriptor(globalThis, "localStorage");
  Object.defineProperty(globalThis, "localStorage", {
    configurable: true,
    get: () => {
      throw new Error("SecurityError");
    },
  });
  try {
    assert.equal(pageStore(), null);
  } finally {
    delete globalThis.localStorage;
    if (before) Object.defineProperty(globalThis, "localStorage", before);
  }
});
