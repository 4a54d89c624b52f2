// client/js against a cell of three nodes: one Centrifuge instance that goes from
// node to node, and nothing of what it follows is lost.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import { EventSource } from "eventsource";
import WebSocket from "ws";

import { connect } from "../../client/js/dist/index.js";
import { Cell } from "../harness/cell.mjs";
import { Stream } from "../harness/client.mjs";
import * as http from "../harness/http.mjs";
import { Agent } from "../harness/people.mjs";
import { freePort } from "../harness/server.mjs";
import { until } from "../harness/wait.mjs";
import { WEBSOCKET } from "../harness/ways.mjs";

let cell, agent, visitor;
const roamers = [];

before(async () => {
  cell = await Cell.start(3);
  agent = await Agent.come(cell.nodes[0].url); // by the SDK alone
  visitor = await http.visitor(cell.nodes[0].url);
});

after(async () => {
  for (const roamer of roamers) roamer.close();
  agent?.leave();
  await cell?.stop();
});

/** A page's localStorage. */
function memory() {
  const map = new Map();
  return { map, getItem: (key) => map.get(key) ?? null, setItem: (key, value) => void map.set(key, value) };
}

/** A connection of client/js, with a diary. */
class Roamer {
  diary = [];

  constructor(options) {
    this.connection = connect({ token: visitor.token, websocket: WebSocket, eventsource: EventSource, store: null, ...options });
    this.centrifuge = this.connection.centrifuge;
    for (const name of ["connected", "connecting", "disconnected", "error", "message"]) {
      this.centrifuge.on(name, (ctx) => this.diary.push({ name, node: this.node, ...ctx }));
    }
    roamers.push(this);
  }

  static async come(options) {
    const roamer = new Roamer(options);
    await roamer.there();
    return roamer;
  }

  /** Comes again until it is at a node of the test's choice. */
  static async comeTo(node, options) {
    for (let i = 0; i < 100; i++) {
      const roamer = await Roamer.come(options);
      if (roamer.node === node) return roamer;
      roamer.close();
    }
    throw new Error(`the cell has sent nobody of 100 to ${node}`);
  }

  get node() {
    return this.connection.node;
  }

  get connected() {
    return this.centrifuge.state === "connected";
  }

  async there() {
    await until("the client is connected", () => this.connected);
  }

  async elsewhere(than) {
    await until(`the client has left ${than}`, () => this.connected && this.node !== than);
  }

  /** How often something has happened. */
  count(name) {
    return this.diary.filter((entry) => entry.name === name).length;
  }

  close() {
    this.connection.close();
  }
}

/** A chat between a roamer and the agent, which both follow. */
async function chatOf(roamer) {
  const { data } = await roamer.centrifuge.rpc("chat.start", { id: randomUUID(), message: "hello" });
  const stream = new Stream(roamer.centrifuge, `chat:${data.chat.id}`, WEBSOCKET);
  await stream.start();
  await agent.accept(data.chat.id);
  return { id: data.chat.id, stream };
}

async function close(chat) {
  await agent.insist("chat.close", { chat: chat.id });
  await chat.stream.state("closed");
}

/** All that was said, once, in order, and every subscription went on where the last one had ended. */
async function assertWhole({ stream }, expected) {
  await stream.text(expected.at(-1));
  assert.deepEqual(stream.texts, expected);
  assert.deepEqual(stream.offsets, stream.offsets.map((_, i) => i + 1), "the offsets have no hole and no double");
  assert.ok(stream.recoveries.slice(1).every(Boolean), `recovered each time: ${stream.recoveries}`);
}

// Each node once: one that is drained again within a second of its return does not notice.
for (const [index, transport] of ["websocket", "http_stream", "sse"].entries()) {
  test(`a node is drained: by ${transport} the client moves, without an error`, async () => {
    const { id, server } = cell.at(cell.nodes.at(-1 - index).url);
    const roamer = await Roamer.comeTo(server.url, { endpoints: [cell.nodes[0].url], transports: [transport] });
    assert.equal(roamer.diary.at(-1).transport, transport);
    const chat = await chatOf(roamer);
    await agent.say(chat.id, "before");
    await chat.stream.text("before");

    await cell.node("drain", [id, "--timeout", "0"]);
    await roamer.elsewhere(server.url);
    await agent.insist("chat.send", { chat: chat.id, text: "after" });
    await assertWhole(chat, ["hello", "before", "after"]);
    assert.equal(chat.stream.recoveries.length, 2);
    assert.deepEqual([roamer.count("error"), roamer.count("disconnected"), roamer.count("connected")], [0, 0, 2]);

    const told = roamer.diary.find((entry) => entry.data?.type === "move");
    assert.ok(told.data.endpoint.url.includes(new URL(roamer.node).host), `sent to ${told.data.endpoint.url}, is at ${roamer.node}`);
    assert.ok(roamer.diary.some((entry) => entry.code === 3001), "the node said that it is drained");
    await close(chat);
    roamer.close();
    await cell.node("undrain", [id]);
    await cell.healthy();
  });
}

const store = memory();

test("a node is killed: the same client is at another one within 3 s, and has missed nothing", async () => {
  const { url } = cell.nodes[1];
  const roamer = await Roamer.comeTo(url, { endpoints: [url], store });
  assert.deepEqual([...roamer.connection.nodes].sort(), cell.nodes.map((node) => node.url).sort(), "it has learned of all nodes");
  const { centrifuge } = roamer;
  const chat = await chatOf(roamer);
  const expected = ["hello"];
  const say = async (text) => {
    await agent.insist("chat.send", { chat: chat.id, text });
    expected.push(text);
  };
  for (let i = 0; i < 5; i++) await say(`before ${i}`);
  await chat.stream.text("before 4");

  const killed = performance.now();
  const dying = cell.nodes[1].kill();
  const talking = (async () => {
    for (let i = 0; i < 40; i++) await say(`meanwhile ${i}`);
  })();
  await dying;
  await roamer.elsewhere(url);
  const pause = performance.now() - killed;
  await talking;
  await say("after");
  await assertWhole(chat, expected);
  assert.ok(pause < 3_000, `back after ${Math.round(pause)} ms`);
  assert.equal(roamer.connection.centrifuge, centrifuge);
  assert.equal(roamer.count("disconnected"), 0);
  await close(chat);
  roamer.close();
});

test("a new start that is given only the dead node finds another one in its store", async () => {
  const { url } = cell.nodes[1]; // it was killed
  const roamer = await Roamer.come({ endpoints: [url], store });
  assert.notEqual(roamer.node, url);
  const [, kept] = [...store.map].find(([key]) => key.endsWith(url));
  assert.equal(JSON.parse(kept)[0], roamer.node, "the last good one is first");
  roamer.close();
});

test("nobody answers: it tries on, and connects when a node is back", async () => {
  const { url } = cell.nodes[1];
  await cell.nodes[1].kill();
  const roamer = new Roamer({ endpoints: [url], maxReconnectDelay: 300 });
  await cell.nodes[1].run();
  await roamer.there();
  assert.equal(roamer.count("disconnected"), 0);
  roamer.close();
});

test("one of the given addresses is dead, another is not", async () => {
  const dead = `http://127.0.0.1:${await freePort()}`;
  const roamer = await Roamer.come({ endpoints: [dead, cell.nodes[0].url] });
  assert.notEqual(roamer.node, dead);
  roamer.close();
});

test("a token that the cell refuses ends it, one that has to be fetched is fetched again", async () => {
  const refused = new Roamer({ endpoints: [cell.nodes[0].url], token: "ekv1_nonsense" });
  await until("the server sends the client away", () => refused.centrifuge.state === "disconnected");
  assert.equal(refused.count("connected"), 0);

  let asked = 0;
  const getToken = async () => {
    if (++asked < 3) throw new Error("the page's server is down");
    return visitor.token;
  };
  const patient = await Roamer.come({ endpoints: [cell.nodes[0].url], token: "", getToken });
  assert.equal(asked, 3);
  patient.close();
});

test("an end is an end, and a new beginning is one", async () => {
  const dead = `http://127.0.0.1:${await freePort()}`;
  const roamer = new Roamer({ endpoints: [dead] });
  roamer.close();
  assert.equal(roamer.centrifuge.state, "disconnected");

  const living = await Roamer.come({ endpoints: [cell.nodes[0].url] });
  living.close();
  living.centrifuge.connect();
  await living.there();
  assert.equal(living.count("error"), 0);
  living.close();
});

test("what is no address is refused at once", () => {
  for (const endpoints of [[], ["chat.example"], ["ftp://chat.example"], undefined]) {
    assert.throws(() => connect({ endpoints, token: "x", websocket: WebSocket }), TypeError);
  }
});
