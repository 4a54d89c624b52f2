// The network fails in the middle of a chat, or the server does. Nothing is
// lost, doubled or out of order, and the official client needs no help.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import * as http from "../harness/http.mjs";
import { Agent, Visitor } from "../harness/people.mjs";
import { Proxy } from "../harness/proxy.mjs";
import { Server } from "../harness/server.mjs";
import { until } from "../harness/wait.mjs";

let server, proxy, agent, visitor, chat;

before(async () => {
  server = await Server.start();
  proxy = await Proxy.start(server.port);
  agent = await Agent.come(server.url, {}, proxy.url); // the first admin answers chats too
  visitor = await Visitor.come(server.url, proxy.url);
  chat = await visitor.start("hello");
  await agent.accept(chat);
});

after(async () => {
  agent?.leave();
  visitor?.leave();
  await proxy?.stop();
  await server?.stop();
});

const people = () => [agent, visitor];
const disconnected = () => until("both clients notice the cut", () => people().every((p) => !p.client.connected));
const reconnected = () => until("both clients are back", () => people().every((p) => p.client.connected));

/** What everybody must have seen: all that was said, once, in order. */
async function assertWhole(expected) {
  for (const person of people()) {
    await person.chat.text(expected.at(-1));
    assert.deepEqual(person.chat.texts, expected);
    const { offsets } = person.chat;
    assert.deepEqual(offsets, offsets.map((_, i) => i + 1), "the offsets have no hole and no double");
  }
  const kept = await http.messages(server.url, visitor.token, chat);
  assert.deepEqual(kept.filter((m) => m.kind === "text").map((m) => m.text), expected);
}

const expected = ["hello"];

test("cut in the middle: what was said meanwhile is recovered in order", async () => {
  for (let i = 0; i < 10; i++) {
    await (i % 2 ? visitor : agent).say(chat, `before ${i}`);
    expected.push(`before ${i}`);
  }
  await assertWhole(expected);

  proxy.cut();
  await disconnected();
  for (let i = 0; i < 50; i++) {
    const author = i % 3 ? visitor : agent;
    await http.send(server.url, author.token, chat, `meanwhile ${i}`);
    expected.push(`meanwhile ${i}`);
  }
  await http.send(server.url, agent.token, chat, "a note meanwhile", { kind: "note" });
  proxy.mend();
  await reconnected();

  await assertWhole(expected);
  for (const person of people()) {
    assert.deepEqual(person.chat.recoveries.slice(1), [true], "the protocol says that the recovery was whole");
  }
  await until("the note", () => agent.staff.notes.length === 1);
  assert.equal(agent.staff.notes[0].text, "a note meanwhile");
});

test("an answer lost on the way: the retry with the same id is not doubled", async () => {
  const id = randomUUID();
  proxy.swallowAnswers();
  const unanswered = visitor.client.ask("chat.send", { chat, id, text: "said twice" });
  unanswered.catch(() => {});
  await until("the server has it", async () => {
    const list = await http.messages(server.url, agent.token, chat);
    return list.some((m) => m.text === "said twice");
  });
  proxy.cut();
  await disconnected();
  proxy.mend();
  await reconnected();
  await assert.rejects(unanswered, "the first call never got its answer");

  const first = await visitor.client.ask("chat.send", { chat, id, text: "said twice" });
  const second = await visitor.client.ask("chat.send", { chat, id, text: "said twice" });
  assert.equal(first.number, second.number);
  expected.push("said twice");
  await assertWhole(expected);

  await assert.rejects(visitor.client.ask("chat.send", { chat, id, text: "something else" }), { code: 1009 });
  await assertWhole(expected);
});

test("the same Idempotency-Key over HTTP is not doubled", async () => {
  const key = randomUUID();
  const first = await http.send(server.url, visitor.token, chat, "posted twice", { key });
  const second = await http.send(server.url, visitor.token, chat, "posted twice", { key });
  assert.deepEqual(second.number, first.number);
  expected.push("posted twice");
  await assertWhole(expected);
  await http.refused(server.url, `POST /v1/chats/${chat}/messages`, 422, "key_reused", {
    token: visitor.token,
    key,
    body: { text: "something else" },
  });
});

test("twenty cuts in a row, while both sides talk", async () => {
  let talking = true;
  const said = [];
  const talk = async (person, name) => {
    for (let i = 0; talking; i++) {
      await http.send(server.url, person.token, chat, `${name} ${i}`);
      said.push(`${name} ${i}`);
    }
  };
  const talks = [talk(visitor, "v"), talk(agent, "a")];
  for (let cut = 0; cut < 20; cut++) {
    proxy.cut();
    await disconnected();
    proxy.mend();
    await reconnected();
  }
  talking = false;
  await Promise.all(talks);

  const kept = (await http.messages(server.url, visitor.token, chat)).filter((m) => m.kind === "text").map((m) => m.text);
  assert.deepEqual(kept.slice(0, expected.length), expected);
  assert.deepEqual(kept.slice(expected.length).toSorted(), said.toSorted(), "all that was acknowledged is there once");
  expected.splice(0, Infinity, ...kept);
  await assertWhole(expected);
});

test("the server is killed and started again: the chat goes on where it was", async () => {
  await http.send(server.url, visitor.token, chat, "the last word before");
  expected.push("the last word before");
  await server.kill();
  await disconnected();
  await server.run();
  await reconnected();
  await agent.say(chat, "the first word after");
  expected.push("the first word after");
  await assertWhole(expected);
  const state = await agent.client.ask("agent.state");
  assert.deepEqual(state.chats.map((c) => c.id), [chat]);
  assert.ok(agent.chat.recoveries.slice(1).every((whole) => whole), "every recovery was whole, the restart's too");
});
