// Rights come and go during a chat, and channels with them, at once.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import * as http from "../harness/http.mjs";
import { Client } from "../harness/client.mjs";
import { Agent, hire, Visitor } from "../harness/people.mjs";
import { Server } from "../harness/server.mjs";
import { event, until } from "../harness/wait.mjs";

let server, admin, ann, bob, visitor, chat;

before(async () => {
  server = await Server.start();
  admin = await http.login(server.url);
  ann = await Agent.come(server.url, await hire(server.url, admin.token, "ann"));
  visitor = await Visitor.come(server.url);
  chat = await visitor.start("hello");
  await ann.accept(chat);
  bob = await Agent.come(server.url, await hire(server.url, admin.token, "bob"));
});

after(async () => {
  for (const person of [ann, bob, visitor]) person?.leave();
  await server?.stop();
});

test("an invited agent joins, sees everything, and leaves", async () => {
  await ann.client.tell("chat.invite", { chat, agent: "bob" });
  await bob.client.push("assigned", (p) => p.chat.id === chat);
  const stream = await bob.client.follow(`chat:${chat}`);
  await bob.say(chat, "may I help?");
  await visitor.chat.text("may I help?");
  assert.deepEqual(stream.texts.slice(0, 1), ["hello"]);

  const revoked = event("the channel is taken away", stream.sub, "unsubscribed");
  await bob.client.tell("chat.leave", { chat });
  assert.ok((await revoked).code < 2500, "a code of which the library does not subscribe again");
  await assert.rejects(bob.say(chat, "still here"), (err) => [103, 1000].includes(err.code));
  await ann.say(chat, "alone again");
  await visitor.chat.text("alone again");
  assert.ok(!stream.texts.includes("alone again"));
});

test("a transfer moves the chat, its history and its channels", async () => {
  const old = [ann.chat.sub, ann.staff.sub].map((sub) => event("the channel is taken away", sub, "unsubscribed"));
  await ann.client.tell("chat.transfer", { chat, agent: "bob", note: "knows teapots" });
  const gone = await ann.client.push("unassigned", (p) => p.chat === chat);
  assert.equal(gone.reason, "transferred");
  for (const revoked of old) assert.ok((await revoked).code < 2500);
  await assert.rejects(ann.say(chat, "one more"), (err) => [103, 1000].includes(err.code));

  for (const stream of bob.client.streams.values()) bob.client.centrifuge.removeSubscription(stream.sub);
  await bob.accept(chat);
  assert.ok(bob.chat.texts.includes("alone again"), "the history came along");
  await until("the note came along", () => bob.staff.notes.some((n) => n.text === "knows teapots"));
  await bob.say(chat, "I know teapots");
  await visitor.chat.text("I know teapots");
  const numbers = visitor.chat.messages.map((m) => m.number);
  assert.deepEqual(numbers, numbers.map((_, i) => i + 1));
});

test("a second device of the visitor sees the same", async () => {
  const phone = await Client.connect(server.url, visitor.token);
  const stream = await phone.follow(`chat:${chat}`);
  await phone.tell("chat.send", { chat, text: "from the phone" });
  await visitor.chat.text("from the phone");
  await stream.text("from the phone");
  await until("both devices have the same", () => JSON.stringify(stream.texts) === JSON.stringify(visitor.chat.texts));
  phone.close();
});

test("typing is shown and leaves no trace", async () => {
  const offsets = visitor.chat.offsets.length;
  await bob.client.ask("chat.typing", { chat });
  const typing = await until("the sign of typing", () => visitor.chat.events.find((e) => e.type === "typing"));
  assert.equal(typing.author.id, "bob");
  assert.ok(!typing.offset);
  await visitor.client.ask("chat.typing", { chat, preview: "I was wond" });
  const preview = await until("the preview, for staff", () => bob.staff.events.find((e) => e.type === "typing"));
  assert.equal(preview.preview, "I was wond");
  assert.equal(visitor.chat.offsets.length, offsets);
});

test("delivered and seen reach the other side, and only move forward", async () => {
  const { number } = await visitor.say(chat, "did you see this?");
  await bob.client.ask("chat.seen", { chat, number });
  const seen = await until("the mark", () => visitor.chat.events.find((e) => e.type === "seen" && e.side === "agent" && e.number === number));
  assert.ok(seen);
  await bob.client.ask("chat.seen", { chat, number: 1 });
  const { seen: kept } = await http.ok(server.url, `GET /v1/chats/${chat}`, { token: bob.token });
  assert.equal(kept.agent, number);
  await assert.rejects(bob.client.ask("chat.seen", { chat, number: number + 1000 }), { code: 107 });
});

test("a logout ends the connection and the token, on the spot", async () => {
  const { token } = await http.login(server.url);
  const client = await Client.connect(server.url, token);
  const ended = event("the connection is ended", client.centrifuge, "disconnected");
  await http.ok(server.url, "POST /v1/auth/logout", { token, body: {} });
  const { code } = await ended;
  assert.ok(code >= 3500 && code < 4000, `${code} must not make the library come back`);
  await http.refused(server.url, "GET /v1/auth/me", 401, "unauthenticated", { token });
});

test("an agent who goes away is offered nothing; one who comes back is", async (t) => {
  for (const agent of [ann, bob]) await agent.client.tell("agent.status", { status: "away", reason: "lunch" });
  const late = await Visitor.come(server.url);
  t.after(() => late.leave());
  const waiting = await late.start("anybody?");
  const why = await http.ok(server.url, `GET /v1/chats/${waiting}/why`, { token: admin.token });
  assert.ok(!why.chosen, JSON.stringify(why));
  assert.equal(why.considered.find((c) => c.agent === "ann").passed_over, "away");
  await ann.client.tell("agent.status", { status: "online" });
  await ann.client.push("offer", (p) => p.chat.id === waiting);
});
