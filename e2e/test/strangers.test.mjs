// Who may see and say what. A stranger can neither read nor write, and a note
// never reaches the customer.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import { Centrifuge } from "centrifuge";
import WebSocket from "ws";

import * as http from "../harness/http.mjs";
import { Agent, hire, Visitor } from "../harness/people.mjs";
import { Server } from "../harness/server.mjs";
import { event, until } from "../harness/wait.mjs";

let server, agent, customer, chat;

before(async () => {
  server = await Server.start();
  agent = await Agent.come(server.url);
  customer = await Visitor.come(server.url);
  chat = await customer.start("hello");
  await agent.accept(chat);
});

after(async () => {
  agent?.leave();
  customer?.leave();
  await server?.stop();
});

const DENIED = [102, 103]; // unknown channel, or permission denied

test("notes never reach the customer", async () => {
  const secret = `a secret ${randomUUID()}`;
  await agent.note(chat, secret);
  await until("the note reaches the staff", () => agent.staff.notes.some((n) => n.text === secret));
  await agent.say(chat, "after the note");
  await customer.chat.text("after the note");

  const seen = JSON.stringify([customer.chat.events, customer.client.pushed, await customer.client.ask("visitor.state")]);
  assert.ok(!seen.includes(secret));
  assert.ok(!agent.chat.texts.includes(secret), "the note is on the staff channel only");

  assert.ok(DENIED.includes(await customer.client.denied(`staff:${chat}`)));
  for (const query of ["", "?notes=true", "?notes=false"]) {
    const answer = await http.call(server.url, `GET /v1/chats/${chat}/messages${query}`, { token: customer.token });
    assert.ok(!JSON.stringify(answer.body).includes(secret));
  }
  await assert.rejects(customer.client.tell("chat.send", { chat, text: "mine", kind: "note" }), (err) => [103, 107, 1000].includes(err.code));

  // The numbers that the customer sees have no hole where the note is.
  const numbers = customer.chat.messages.map((m) => m.number);
  assert.deepEqual(numbers, numbers.map((_, i) => i + 1));
});

test("another visitor can neither read nor write", async (t) => {
  const stranger = await Visitor.come(server.url);
  t.after(() => stranger.leave());

  for (const channel of [`chat:${chat}`, `staff:${chat}`, `agent:${agent.id}`, `visitor:${customer.id}`, "queue:general", "desk"]) {
    assert.ok(DENIED.includes(await stranger.client.denied(channel)), channel);
  }
  const calls = {
    "chat.send": { text: "let me in" },
    "chat.close": {},
    "chat.accept": {},
    "chat.take": {},
    "chat.transfer": { queue: "general" },
    "chat.rate": { score: 1 },
  };
  for (const [method, params] of Object.entries(calls)) {
    await assert.rejects(stranger.client.tell(method, { chat, ...params }), (err) => [103, 1000].includes(err.code), method);
  }
  for (const method of ["chat.typing", "chat.seen", "chat.delivered"]) {
    const params = method === "chat.typing" ? { chat } : { chat, number: 1 };
    await assert.rejects(stranger.client.ask(method, params), (err) => [103, 1000].includes(err.code), method);
  }
  const { token } = stranger;
  await http.refused(server.url, `GET /v1/chats/${chat}`, 404, "not_found", { token });
  await http.refused(server.url, `GET /v1/chats/${chat}/messages`, 404, "not_found", { token });
  await http.refused(server.url, `POST /v1/chats/${chat}/messages`, 404, "not_found", { token, body: { text: "let me in" } });
  await http.refused(server.url, "GET /v1/agents", 403, "forbidden", { token });

  await agent.say(chat, "are we alone?");
  await customer.chat.text("are we alone?");
  assert.ok(!JSON.stringify([stranger.client.pushed, [...stranger.client.streams]]).includes("are we alone?"));
  assert.ok(!customer.chat.texts.includes("let me in"));
});

test("an agent sees nothing of a chat before accepting it", async (t) => {
  const admin = await http.login(server.url);
  const dora = await Agent.come(server.url, await hire(server.url, admin.token, "dora"));
  t.after(() => dora.leave());
  assert.ok(DENIED.includes(await dora.client.denied(`chat:${chat}`)));
  assert.ok(DENIED.includes(await dora.client.denied(`staff:${chat}`)));
  await assert.rejects(dora.client.tell("chat.send", { chat, text: "me too" }), (err) => [103, 1000].includes(err.code));
});

test("without a token, or with a wrong one, nothing is open", async () => {
  await http.refused(server.url, "GET /v1/chats", 401, "unauthenticated");
  await http.refused(server.url, "GET /v1/chats", 401, "unauthenticated", { token: "made up" });
  await http.refused(server.url, "POST /v1/auth/login", 401, "invalid_credentials", {
    body: { email: "admin@localhost", password: "guess" },
  });
  for (const token of ["", "made up", `${customer.token}x`]) {
    const centrifuge = new Centrifuge(`${server.url.replace(/^http/, "ws")}/connection/websocket`, { token, websocket: WebSocket });
    const refused = event(`the token ${JSON.stringify(token)} is refused`, centrifuge, "disconnected");
    centrifuge.on("connected", () => assert.fail("connected"));
    centrifuge.connect();
    await refused;
    centrifuge.disconnect();
  }
});

test("a page of another site may not connect", async () => {
  const url = `${server.url.replace(/^http/, "ws")}/connection/websocket`;
  const foreign = new WebSocket(url, { origin: "https://evil.example" });
  const [err] = await Promise.race([
    new Promise((resolve) => foreign.once("error", (e) => resolve([e]))),
    new Promise((_, reject) => foreign.once("open", () => reject(new Error("the foreign origin was let in")))),
  ]);
  assert.match(err.message, /403/);
  const own = new WebSocket(url, { origin: server.url });
  await event("the own origin is let in", own, "open");
  own.terminate();
});
