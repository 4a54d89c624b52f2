// What nobody types: the queue's greeting, the offline form, an agent's canned
// replies; and hours that open and close a queue.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import * as http from "../harness/http.mjs";
import { Agent, hire, Visitor } from "../harness/people.mjs";
import { Server } from "../harness/server.mjs";
import { until } from "../harness/wait.mjs";

let server, admin, ann;

before(async () => {
  server = await Server.start();
  admin = await http.login(server.url);
  await queue({});
  ann = await Agent.come(server.url, await hire(server.url, admin.token, "ann"));
});

after(async () => {
  ann?.leave();
  await server?.stop();
});

const queue = (more) =>
  http.ok(server.url, "PUT /v1/queues/general", {
    token: admin.token,
    body: {
      name: "Sales",
      greeting: "Hello {{customer.name|there}}, {{queue.name}} will be with you.",
      accept_message: "{{agent.name}} has taken your chat.",
      offline_message: "{{queue.name}} is closed.",
      offline_form: true,
      ...more,
    },
  });
const texts = (list) => list.map((m) => `${m.author.name}: ${m.text}`);

test("a customer is greeted, and the agent is shown his words", async () => {
  const visitor = await Visitor.come(server.url);
  const chat = await visitor.start("Do you have size 42?", { name: "Vic" });
  const offer = await ann.accept(chat);
  assert.equal(offer.preview, "Do you have size 42?");
  assert.deepEqual(texts(await http.messages(server.url, visitor.token, chat)), [
    "Vic: Do you have size 42?",
    "Sales: Hello Vic, Sales will be with you.",
    "Sales: Ann has taken your chat.",
  ]);

  const put = (id, text) => http.ok(server.url, `PUT /v1/canned/${id}`, { token: ann.token, body: { shortcut: id, text } });
  await put("stock", "Yes, {{customer.name|dear customer}}, it is in stock. {{agent.name}}");
  const found = await http.ok(server.url, "GET /v1/canned?q=STO", { token: ann.token });
  assert.deepEqual(
    found.items.map((r) => r.id),
    ["stock"],
  );
  const { text } = await ann.client.ask("canned.render", { chat, canned: "stock" });
  assert.equal(text, "Yes, Vic, it is in stock. Ann");
  await ann.say(chat, text);
  assert.equal(texts(await http.messages(server.url, visitor.token, chat)).at(-1), `Ann: ${text}`);
  await assert.rejects(visitor.client.ask("canned.render", { chat, canned: "stock" }), { code: 103 });
  visitor.leave();
});

test("a closed queue shows its message, and takes the offline form", async () => {
  await queue({ closed: true });
  const shown = await http.ok(server.url, "GET /v1/widget");
  assert.equal(shown.open, false);
  assert.equal(shown.offline_message, "Sales is closed.");
  assert.equal(shown.offline_form, true);

  const visitor = await Visitor.come(server.url);
  await assert.rejects(visitor.client.tell("chat.start", { message: "hello" }), { code: 1006 });
  const form = { id: randomUUID(), text: "Please call me", email: "vic@example.com", refused: "queue_closed" };
  const { missed } = await visitor.client.ask("chat.offline", form);
  assert.equal(missed.kind, "refused");
  assert.equal((await visitor.client.ask("chat.offline", form)).missed.id, missed.id);
  const { items } = await http.ok(server.url, "GET /v1/missed?state=open", { token: ann.token });
  assert.deepEqual(
    items.map((m) => [m.id, m.email, m.text]),
    [[missed.id, "vic@example.com", "Please call me"]],
  );
  visitor.leave();
  await queue({});
  assert.equal((await http.ok(server.url, "GET /v1/widget")).open, true);
});

test("a queue opens and closes by its hours", async () => {
  const widget = () => http.ok(server.url, "GET /v1/widget");
  const days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
  const visitor = await http.visitor(server.url);
  await queue({ hours: { time_zone: "Asia/Tokyo" } });
  await until("the queue is closed", async () => !(await widget()).open);
  const refusal = await http.refused(server.url, "POST /v1/chats", 409, "queue_closed", { token: visitor.token, body: { message: "hello" } });
  assert.ok(refusal.retry_after > 13 * 86400, JSON.stringify(refusal));

  await queue({ hours: { time_zone: "Asia/Tokyo", weekly: [{ days, from: "00:00", to: "24:00" }] } });
  await until("the queue is open", async () => (await widget()).open);
  await http.ok(server.url, "POST /v1/chats", { token: visitor.token, body: { message: "hello" } });
  const body = { hours: { time_zone: "Tokyo" } };
  await http.refused(server.url, "PUT /v1/queues/general", 400, "bad_request", { token: admin.token, body });
});
