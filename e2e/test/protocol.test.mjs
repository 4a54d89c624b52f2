// The wire protocol as the specification of the Centrifuge client protocol has
// it, and what the server does with clients that do not keep to it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import * as http from "../harness/http.mjs";
import { Agent, Visitor } from "../harness/people.mjs";
import { Server } from "../harness/server.mjs";
import { until } from "../harness/wait.mjs";
import { Wire } from "../harness/wire.mjs";

let server, agent, visitor, chat;

before(async () => {
  server = await Server.start({ env: { EVENKEEL_LIMIT_USER_WRITES: "off" } });
  agent = await Agent.come(server.url);
  visitor = await Visitor.come(server.url);
  chat = await visitor.start("number 1");
  await agent.accept(chat);
  for (let i = 2; i <= 5; i++) await agent.say(chat, `number ${i}`);
});

after(async () => {
  agent?.leave();
  visitor?.leave();
  await server?.stop();
});

const connect = async (t) => {
  const wire = await Wire.connect(server.url, visitor.token);
  t.after(() => wire.close());
  return wire;
};

test("connect tells the ping, the session and the server's subscriptions", async (t) => {
  const { hello } = await connect(t);
  assert.ok(hello.connect, JSON.stringify(hello));
  assert.ok(hello.connect.client.length > 0);
  assert.equal(hello.connect.ping, 5, "a customer in a chat is pinged every 5 s");
  assert.equal(hello.connect.pong, true);
  const own = hello.connect.subs[`visitor:${visitor.id}`];
  assert.ok(own.recoverable && own.epoch, JSON.stringify(own));
});

test("a subscription recovers exactly what was missed", async (t) => {
  const wire = await connect(t);
  const whole = (await wire.ask({ subscribe: { channel: `chat:${chat}`, recover: true, epoch: "", offset: 0 } })).subscribe;
  assert.equal(whole.recovered, true);
  const offsets = whole.publications.map((p) => p.offset);
  assert.deepEqual(offsets, offsets.map((_, i) => i + 1));

  // From every position on, the rest and nothing else.
  for (const from of offsets) {
    const other = await connect(t);
    const rest = (await other.ask({ subscribe: { channel: `chat:${chat}`, recover: true, epoch: whole.epoch, offset: from } })).subscribe;
    assert.equal(rest.recovered, true);
    assert.deepEqual((rest.publications ?? []).map((p) => p.offset), offsets.filter((o) => o > from));
  }

  // A position of another stream, or beyond the end, is not recovered in part.
  for (const since of [{ epoch: "another", offset: 1 }, { epoch: whole.epoch, offset: offsets.length + 1000 }]) {
    const other = await connect(t);
    const none = (await other.ask({ subscribe: { channel: `chat:${chat}`, recover: true, ...since } })).subscribe;
    assert.ok(!none.recovered, JSON.stringify(since));
    assert.deepEqual(none.publications ?? [], []);
  }
});

test("history is read in both directions, in pages", async (t) => {
  const wire = await connect(t);
  await wire.ask({ subscribe: { channel: `chat:${chat}` } });
  const all = (await wire.ask({ history: { channel: `chat:${chat}`, limit: -1 } })).history;
  assert.ok(all.publications.length >= 5);
  const pages = [];
  for (let offset = 0; ; ) {
    const page = (await wire.ask({ history: { channel: `chat:${chat}`, limit: 2, since: { epoch: all.epoch, offset } } })).history;
    if (!page.publications?.length) break;
    assert.ok(page.publications.length <= 2);
    pages.push(...page.publications);
    offset = pages.at(-1).offset;
  }
  assert.deepEqual(pages, all.publications);
  const back = (await wire.ask({ history: { channel: `chat:${chat}`, limit: 3, reverse: true } })).history;
  assert.deepEqual(back.publications.map((p) => p.offset), all.publications.map((p) => p.offset).reverse().slice(0, 3));
});

test("several commands in one message are answered one by one", async (t) => {
  const wire = await connect(t);
  wire.send(
    { id: 101, rpc: { method: "visitor.state", data: {} } },
    { id: 102, rpc: { method: "no.such.method", data: {} } },
    { id: 103, rpc: { method: "chat.send", data: { chat, id: "a", text: "x", extra: 1 } } },
    { id: 104, subscribe: { channel: "nowhere" } },
    { id: 105, rpc: { method: "visitor.state" } },
  );
  assert.equal((await wire.reply(101)).rpc.data.visitor, visitor.id);
  assert.equal((await wire.reply(102)).error.code, 104);
  const strict = (await wire.reply(103)).error;
  assert.equal(strict.code, 107);
  assert.match(strict.message, /extra/, "the unknown field is named");
  assert.ok([102, 103].includes((await wire.reply(104)).error.code));
  assert.equal((await wire.reply(105)).rpc.data.visitor, visitor.id);
});

// 64 calls of a client may be without an answer at a time.
test("commands of one client are applied in the order in which it sent them", async (t) => {
  const wire = await connect(t);
  const texts = Array.from({ length: 60 }, (_, i) => `in order ${i}`);
  wire.send(...texts.map((text, i) => ({ id: 1000 + i, rpc: { method: "chat.send", data: { chat, id: `order-${i}`, text } } })));
  const numbers = [];
  for (let i = 0; i < texts.length; i++) numbers.push((await wire.reply(1000 + i)).rpc.data.number);
  assert.deepEqual(numbers, numbers.map((_, i) => numbers[0] + i));
  const kept = (await http.messages(server.url, visitor.token, chat)).map((m) => m.text);
  assert.deepEqual(kept.slice(-texts.length), texts);
});

test("a client that does not keep to the protocol is cut, not feared", async (t) => {
  const cases = {
    "not JSON": (wire) => wire.send("hello"),
    "a command before connect": (wire) => wire.send({ id: 1, rpc: { method: "visitor.state", data: {} } }),
    "connect twice": (wire) => wire.send({ id: 1, connect: { token: visitor.token } }, { id: 2, connect: { token: visitor.token } }),
    "deep nesting": (wire) => wire.send(`{"id":1,"connect":{"data":${"[".repeat(100000)}${"]".repeat(100000)}}}`),
    "a huge message": (wire) => wire.send(`{"id":1,"connect":{"token":"${"x".repeat(8 << 20)}"}}`),
    "binary rubbish": (wire) => wire.socket.send(Buffer.from([0, 255, 254, 1])),
  };
  for (const [name, offend] of Object.entries(cases)) {
    await t.test(name, async () => {
      const wire = await Wire.open(server.url);
      offend(wire);
      const { code } = await wire.end();
      assert.ok(code >= 1000 && code < 5000, String(code));
      assert.ok(!(code >= 3000 && code < 3500), `${code} would make the library come back for the same`);
    });
  }
  await http.ok(server.url, "GET /healthz");
});

test("who does not answer pings is cut; who answers stays", async (t) => {
  const [mute, well] = [await connect(t), await connect(t)];
  well.socket.on("message", (data) => String(data).trim() === "{}" && well.send("{}"));
  const { code } = await mute.end(20_000);
  assert.ok(code >= 3000 && code < 3500, `the library should come back after ${code}`);
  assert.equal(well.closed, null);
  assert.ok(well.frames.filter((f) => Object.keys(f).length === 0).length >= 2, "pinged at least twice");
});

test("who reads too slowly is cut, and the others do not wait", async (t) => {
  const slow = await connect(t);
  await slow.ask({ subscribe: { channel: `chat:${chat}` } });
  slow.socket.pause();
  const text = "x".repeat(10_000);
  const start = Date.now();
  let sent = 0;
  for (; sent < 1500; sent++) await http.send(server.url, agent.token, chat, text);
  const took = Date.now() - start;
  await until("the other client has everything", () => visitor.chat.texts.filter((x) => x === text).length === sent, 20_000);
  slow.socket.resume();
  const { code } = await slow.end(20_000);
  assert.ok([3008, 1006].includes(code), String(code)); // the close frame may be lost in the full buffer
  assert.ok(slow.frames.length < sent, "it was cut before it had everything");
  t.diagnostic(`${sent} messages of 10,000 characters in ${took} ms beside a client that does not read`);
});
