// A whole chat with the official client: a visitor and an agent, from the first
// word to the last.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import * as http from "../harness/http.mjs";
import { Agent, hire, Visitor } from "../harness/people.mjs";
import { Server } from "../harness/server.mjs";

let server, admin;

before(async () => {
  server = await Server.start();
  admin = await http.login(server.url);
});

after(() => server?.stop());

test("a chat from the first word to the last", async (t) => {
  const ann = await Agent.come(server.url, await hire(server.url, admin.token, "ann"));
  const visitor = await Visitor.come(server.url);
  t.after(() => [ann, visitor].forEach((person) => person.leave()));

  const chat = await visitor.start("Is the shop open?", { subject: "Opening hours" });
  const offer = await ann.accept(chat);
  assert.equal(offer.chat.state, "offered");
  assert.equal(offer.chat.subject, "Opening hours");
  assert.ok(Date.parse(offer.deadline) > Date.parse(offer.server_time), "the deadline is to come");

  await visitor.chat.state("active");
  const shown = (await visitor.chat.state("active")).chat;
  assert.equal(shown.agent.id, "ann");
  for (const secret of ["attributes", "tags", "priority", "participants", "offered_at"]) {
    assert.ok(!(secret in shown), `the customer is shown ${secret}`);
  }

  for (let i = 1; i <= 5; i++) {
    await ann.say(chat, `answer ${i}`);
    await visitor.say(chat, `question ${i}`);
  }
  const expected = ["Is the shop open?", ...[1, 2, 3, 4, 5].flatMap((i) => [`answer ${i}`, `question ${i}`])];
  for (const person of [ann, visitor]) {
    await person.chat.text("question 5");
    assert.deepEqual(person.chat.texts, expected);
  }
  const [first, second] = visitor.chat.messages.filter((m) => m.kind === "text");
  assert.equal(first.author.kind, "customer");
  assert.deepEqual([second.author.kind, second.author.id], ["agent", "ann"]);

  // What was said is the same by HTTP, for both, and numbered without a hole.
  for (const person of [ann, visitor]) {
    const list = await http.messages(server.url, person.token, chat);
    const said = list.filter((m) => m.kind === "text");
    assert.deepEqual(said.map((m) => m.text), expected);
  }
  const numbers = visitor.chat.messages.map((m) => m.number);
  assert.deepEqual(numbers, numbers.map((_, i) => i + 1));

  await ann.client.tell("chat.close", { chat });
  await visitor.chat.state("closed");
  await ann.client.tell("chat.wrapup", { chat, done: true, notes: "asked for the hours", tags: ["hours"] });
  await ann.client.push("unassigned", (p) => p.chat === chat);
  await assert.rejects(visitor.say(chat, "one more thing"), { code: 1004 });
  const closed = await http.ok(server.url, `GET /v1/chats/${chat}`, { token: visitor.token });
  assert.equal(closed.state, "closed");
  assert.equal(closed.reason, "by_agent");
});

test("a declined offer goes on, and a second start returns the same chat", async (t) => {
  const bob = await Agent.come(server.url, await hire(server.url, admin.token, "bob", { capacity: 1 }));
  const visitor = await Visitor.come(server.url);
  t.after(() => [bob, visitor].forEach((person) => person.leave()));

  const chat = await visitor.start("Hello?");
  const offer = await bob.client.push("offer", (p) => p.chat.id === chat);
  await bob.client.tell("chat.decline", { chat, offer: offer.offer });
  const end = await bob.client.push("offer_end", (p) => p.offer === offer.offer);
  assert.equal(end.reason, "declined");

  const again = await visitor.client.tell("chat.start", { message: "Hello??" });
  assert.equal(again.chat.id, chat);
  assert.equal(again.existing, true);

  const cora = await Agent.come(server.url, await hire(server.url, admin.token, "cora"));
  t.after(() => cora.leave());
  await cora.accept(chat);
  await cora.say(chat, "Here I am.");
  await visitor.chat.text("Here I am.");
  await assert.rejects(bob.client.tell("chat.accept", { chat }), (err) => [1000, 1001, 1002].includes(err.code));
  await cora.client.tell("chat.close", { chat });
});

test("who waits longer is answered first", async (t) => {
  // Nobody is online any more: chats wait.
  const visitors = [];
  for (const text of ["first in line", "second in line"]) {
    const visitor = await Visitor.come(server.url);
    t.after(() => visitor.leave());
    const chat = await visitor.start(text);
    assert.equal((await http.ok(server.url, `GET /v1/chats/${chat}`, { token: visitor.token })).state, "queued");
    visitors.push({ visitor, chat });
  }
  const emil = await Agent.come(server.url, await hire(server.url, admin.token, "emil", { capacity: 1 }));
  t.after(() => emil.leave());
  for (const { visitor, chat } of visitors) {
    const offer = await emil.accept(chat);
    assert.equal(offer.preview, visitor.chat.texts[0]);
    await visitor.chat.state("active");
    await emil.client.tell("chat.close", { chat });
    await emil.client.tell("chat.wrapup", { chat, done: true });
  }
  const offered = emil.client.pushed.filter((p) => p.type === "offer").map((p) => p.chat.id);
  assert.deepEqual(offered, visitors.map((v) => v.chat), "one after the other, and nothing beyond the capacity");
});
