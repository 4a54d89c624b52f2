// Sixty chats at a time over a network that drops somebody every few
// milliseconds, on a server that is killed in the middle. Everybody insists
// with the id of the first try, so in the end each stream must hold what was
// said: all of it, once, in order.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import * as http from "../harness/http.mjs";
import { Agent, hire, Visitor } from "../harness/people.mjs";
import { Proxy } from "../harness/proxy.mjs";
import { Server } from "../harness/server.mjs";
import { until } from "../harness/wait.mjs";

const AGENTS = 6;
const VISITORS = 60;
const TURNS = 20;

let server, proxy;
const people = [];

before(async () => {
  server = await Server.start();
  proxy = await Proxy.start(server.port);
});

after(async () => {
  for (const person of people) person.leave();
  await proxy?.stop();
  await server?.stop();
});

test("sixty chats while connections are dropped and the server is killed once", async (t) => {
  const seed = Number(process.env.EVENKEEL_SEED ?? Date.now() % 1e9);
  t.diagnostic(`to replay: EVENKEEL_SEED=${seed}`);
  const random = randomFrom(seed);

  const admin = await http.login(server.url);
  for (let i = 0; i < AGENTS; i++) {
    const agent = await Agent.come(server.url, await hire(server.url, admin.token, `agent${i}`, { capacity: VISITORS / AGENTS }), proxy.url);
    answerEverything(agent);
    people.push(agent);
  }
  const visitors = await Promise.all(Array.from({ length: VISITORS }, () => Visitor.come(server.url, proxy.url)));
  people.push(...visitors);

  let cuts = 0;
  const storm = setInterval(() => proxy.cutSome(() => random() < 0.04 && ++cuts), 20);
  t.after(() => clearInterval(storm));
  const talks = Promise.all(visitors.map((visitor, v) => talk(visitor, v)));
  await until("half of it is said", () => visitors.every((v) => v.chat?.texts.length > TURNS));
  await server.kill();
  await server.run();
  await talks;
  clearInterval(storm);
  t.diagnostic(`${cuts} connections were cut`);
  assert.ok(cuts > VISITORS / 4, "too quiet a network for a test");

  for (const [v, visitor] of visitors.entries()) {
    const asked = Array.from({ length: TURNS }, (_, i) => `question ${v}.${i}`);
    const { texts, offsets } = visitor.chat;
    assert.deepEqual(texts.filter((x) => x.startsWith("question")), asked);
    assert.deepEqual(texts.filter((x) => x.startsWith("answer")), asked.map((q) => `answer to ${q}`));
    assert.deepEqual(offsets, offsets.map((_, i) => i + 1));
    const kept = await http.messages(server.url, visitor.token, visitor.chatID);
    assert.deepEqual(kept.filter((m) => m.kind === "text").map((m) => m.text), texts);
  }
});

/** A visitor asks, waits for the answer, and asks the next. */
async function talk(visitor, v) {
  const { chat } = await visitor.insist("chat.start", { message: `question ${v}.0` });
  visitor.chatID = chat.id;
  visitor.chat = visitor.client.track(`chat:${chat.id}`);
  for (let i = 0; ; i++) {
    await until(`the answer to question ${v}.${i}`, () => visitor.chat.texts.includes(`answer to question ${v}.${i}`), 60_000);
    if (i + 1 === TURNS) return;
    await visitor.insist("chat.send", { chat: chat.id, text: `question ${v}.${i + 1}` });
  }
}

/** An agent accepts whatever is offered and answers each question once. */
function answerEverything(agent) {
  const followed = new Set();
  const follow = (chat) => {
    if (followed.has(chat)) return;
    followed.add(chat);
    const stream = agent.client.track(`chat:${chat}`);
    stream.sub.on("publication", ({ data }) => {
      if (data.type !== "message" || !data.message.text.startsWith("question")) return;
      agent.insist("chat.send", { chat, text: `answer to ${data.message.text}` }).catch((err) => assert.fail(err.message));
    });
  };
  const accept = ({ chat, offer }) =>
    agent
      .insist("chat.accept", { chat: chat.id, offer })
      .then(() => follow(chat.id))
      .catch((err) => assert.ok([1001, 1002, 1003].includes(err.code), err.message)); // it went on to somebody else
  agent.client.centrifuge.on("publication", ({ data }) => {
    if (data.type === "offer") accept(data);
    if (data.type === "assigned") follow(data.chat.id);
  });
  // What happened while the agent was cut off is fetched.
  agent.client.centrifuge.on("connected", async () => {
    try {
      const state = await agent.client.ask("agent.state");
      state.offers.forEach(accept);
      state.chats.forEach((chat) => follow(chat.id));
    } catch {
      // cut off again: the next connection fetches it
    }
  });
}

/** Numbers from 0 to 1, the same for the same seed: good enough to choose victims. */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0; // a linear congruence, of which the high bits count
    return (state >>> 8) / 2 ** 24;
  };
}
