// What is said without anybody typing it: the queue's greeting, the offline form, an
// agent's canned replies.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import * as http from "../harness/http.mjs";
import { Agent, hire, Visitor } from "../harness/people.mjs";
import { Server } from "../harness/server.mjs";

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
