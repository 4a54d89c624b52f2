import assert from "node:assert/strict";
import { test } from "node:test";

import { mostNodes, nodeOf, Nodes, nodesOf } from "../dist/nodes.js";

const A = "https://a.example";
const B = "https://b.example";
const C = "https://c.example:8443";

/** Gives the numbers of a list, one after the other. */
const dice = (...numbers) => () => numbers.shift();

test("the address of a node, of whatever is at it", () => {
  for (const [address, node] of [
    ["https://a.example", A],
    ["https://a.example/", A],
    ["https://A.example:443/v1/connect", A],
    ["wss://a.example/connection/websocket", A],
    ["https://a.example/connection/http_stream?x=1#y", A],
    ["ws://127.0.0.1:8080/connection/websocket", "http://127.0.0.1:8080"],
    ["https://a.example/chat/connection/sse", "https://a.example/chat"],
    ["https://user:secret@a.example/", A],
    ["a.example", undefined],
    ["", undefined],
    ["javascript:alert(1)", undefined],
    ["ftp://a.example", undefined],
  ]) {
    assert.equal(nodeOf(address), node, address);
  }
  assert.deepEqual(nodesOf([A, "nonsense", "wss://a.example/connection/websocket", B]), [A, B]);
});

test("without a past the order is random", () => {
  assert.deepEqual(new Nodes([A, B, C]).round(dice(0.2, 0.9, 0.1)), [C, A, B]);
  assert.deepEqual(new Nodes([A, B, C]).round(dice(0.5, 0.4, 0.6)), [B, A, C]);
});

test("the last good one is asked first, what has just failed last", () => {
  const nodes = new Nodes([A, B], [C, B]);
  assert.deepEqual(nodes.round(dice(0.9, 0.1)), [C, A, B], "the first that was stored is the last good one");
  nodes.lost(C);
  assert.deepEqual(nodes.round(dice(0.9, 0.1)), [A, B, C]);
  nodes.good(B);
  assert.deepEqual(nodes.round(dice(0.9, 0.1)), [B, A, C]);
  assert.equal(nodes.all()[0], B);
});

test("the decision of a cell that has not noticed a loss puts it at the end", () => {
  const nodes = new Nodes([A]);
  nodes.lost(A);
  assert.deepEqual(nodes.soundFirst([A, B, C]), [B, C, A]);
  assert.deepEqual(nodes.soundFirst([A]), [A]);
});

test("what is remembered is bounded, and what was given stays", () => {
  const nodes = new Nodes([A, B]);
  for (let i = 0; i < 100; i++) nodes.learn([`https://n${i}.example`]);
  assert.equal(nodes.all().length, mostNodes);
  assert.ok(nodes.all().includes(A) && nodes.all().includes(B));
  assert.equal(nodes.all()[0], "https://n99.example", "the newest are kept");
  assert.ok(!nodes.all().includes(`https://n${99 - mostNodes + 2}.example`), "the oldest is not");

  const good = nodes.all()[3];
  nodes.good(good);
  for (let i = 100; i < 200; i++) nodes.learn([`https://n${i}.example`]);
  assert.equal(nodes.all()[0], good, "the last good one is never forgotten");
  assert.equal(nodes.all().length, mostNodes);
});

test("more given than are remembered: all are known", () => {
  const given = Array.from({ length: mostNodes + 4 }, (_, i) => `https://n${i}.example`);
  assert.deepEqual(new Nodes(given, [A]).all(), given);
});
