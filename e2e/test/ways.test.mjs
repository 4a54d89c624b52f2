// Every way into the server with the official client: each transport, each
// encoding. What holds for one holds for all of them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Client } from "../harness/client.mjs";
import * as http from "../harness/http.mjs";
import { Agent, hire, Visitor } from "../harness/people.mjs";
import { Proxy } from "../harness/proxy.mjs";
import { Server } from "../harness/server.mjs";
import { event, until } from "../harness/wait.mjs";
import { centrifuge, WAYS } from "../harness/ways.mjs";

/** A scenario gets a stage: a server, a network in front of it, and one visitor and one agent in a chat, who go this way. */
const SCENARIOS = {
  "a whole chat": async ({ server, agent, visitor, chat, way }) => {
    assert.equal(agent.client.centrifuge._transport.name(), way.transport);
    for (let i = 0; i < 10; i++) await (i % 2 ? visitor : agent).say(chat, `line ${i}`);
    await agent.note(chat, "only for us");
    await agent.client.ask("chat.typing", { chat });
    await until("the sign of typing", () => visitor.chat.events.find((e) => e.type === "typing"));
    await whole(server, chat, [agent, visitor], ["hello", ...Array.from({ length: 10 }, (_, i) => `line ${i}`)]);
    await until("the note", () => agent.staff.notes.some((n) => n.text === "only for us"));
    assert.ok(!JSON.stringify(visitor.chat.events).includes("only for us"));
    await agent.client.tell("chat.close", { chat });
    await visitor.chat.state("closed");
  },

  "a cut in the middle": async ({ server, proxy, agent, visitor, chat }) => {
    const said = ["hello"];
    for (let i = 0; i < 5; i++) {
      await agent.say(chat, `before ${i}`);
      said.push(`before ${i}`);
    }
    proxy.cut();
    await until("both notice", () => !agent.client.connected && !visitor.client.connected);
    for (let i = 0; i < 30; i++) {
      await http.send(server.url, (i % 3 ? visitor : agent).token, chat, `meanwhile ${i}`);
      said.push(`meanwhile ${i}`);
    }
    proxy.mend();
    await whole(server, chat, [agent, visitor], said);
    assert.deepEqual(agent.chat.recoveries.slice(1), [true], "the protocol says that the recovery was whole");
  },

  "errors keep their codes": async ({ agent, visitor, chat }) => {
    await assert.rejects(agent.client.ask("no.such.method"), { code: 104, message: /unknown_method/ });
    await assert.rejects(visitor.client.ask("chat.send", { chat, id: "a", text: "x", extra: 1 }), { code: 107, message: /extra/ });
    await assert.rejects(visitor.client.ask("chat.accept", { chat, id: "b" }), { code: 103 });
    await assert.rejects(agent.client.ask("chat.seen", { chat: "nothing", number: 1 }), { code: 1000 });
    assert.ok([102, 103].includes(await visitor.client.denied(`staff:${chat}`)));
    await assert.rejects(visitor.client.centrifuge.publish(`chat:${chat}`, visitor.client.way.pack({})), { code: 103 });
    assert.ok(visitor.client.connected && agent.client.connected, "an error ends nothing");
  },

  "history": async ({ agent, chat }) => {
    for (let i = 0; i < 5; i++) await agent.say(chat, `line ${i}`);
    const sub = agent.chat.sub;
    const all = await sub.history({ limit: -1 });
    assert.deepEqual(all.publications.map((p) => p.offset), all.publications.map((_, i) => i + 1));
    const page = await sub.history({ limit: 2, since: { epoch: all.epoch, offset: 1 } });
    assert.deepEqual(page.publications.map((p) => p.offset), [2, 3]);
    const back = await sub.history({ limit: 2, reverse: true });
    assert.deepEqual(back.publications.map((p) => p.offset), [all.offset, all.offset - 1]);
    await assert.rejects(sub.history({ limit: 2, since: { epoch: "another", offset: 1 } }), { code: 112 });
  },

  "a right that is lost": async ({ server, admin, agent, visitor, chat, way }) => {
    const bob = await Agent.come(server.url, await hire(server.url, admin.token, `${agent.id}-bob`, { queues: [] }), server.url, way);
    const revoked = event("the channel is taken away", agent.chat.sub, "unsubscribed");
    await agent.client.tell("chat.transfer", { chat, agent: bob.id });
    assert.ok((await revoked).code < 2500, "a code of which the library does not subscribe again");
    await bob.accept(chat);
    await bob.say(chat, "I know teapots");
    await visitor.chat.text("I know teapots");
    bob.leave();
    await assert.rejects(agent.say(chat, "one more"), (err) => [103, 1000].includes(err.code));
    assert.ok(agent.client.connected && visitor.client.connected);
  },

  "a login that ends": async ({ server, agent, way }) => {
    const ended = event("the connection ends", agent.client.centrifuge, "disconnected");
    await http.ok(server.url, "POST /v1/auth/logout", { token: agent.token, body: {} });
    const { code } = await ended;
    assert.ok(code >= 3500 && code < 4000, `${code} must not make the library come back`);
    const again = centrifuge(way, server.url, { token: agent.token });
    const refused = event("the token is refused", again, "disconnected");
    again.connect();
    await refused;
  },

  "a login that is renewed": async ({ server, way }) => {
    const { token } = await http.login(server.url);
    const client = await Client.connect(server.url, token, way, {
      getToken: async () => (await http.ok(server.url, "POST /v1/auth/refresh", { token, body: {} })).token,
    });
    const before = client.info.client;
    client.centrifuge._refresh(); // as its timer does, hours later
    await until("the new token is taken", () => client.centrifuge._token !== token && client.centrifuge._refreshTimeout);
    await client.ask("agent.state");
    assert.equal(client.centrifuge._client, before, "on the same connection");
    client.close();
  },

  "the server's own subscriptions": async ({ server, proxy, agent, visitor }) => {
    const own = `agent:${agent.id}`;
    assert.ok(agent.client.pushed.some((p) => p.channel === own && p.type === "offer"));
    proxy.cut();
    await until("both notice", () => !agent.client.connected && !visitor.client.connected);
    for (const status of ["away", "online", "away"]) {
      await http.ok(server.url, `PUT /v1/agents/${agent.id}/status`, { token: agent.token, body: { status } });
    }
    proxy.mend();
    const away = () => agent.client.pushed.filter((p) => p.type === "status" && p.status === "away").length;
    await until("what was missed", () => away() >= 2); // the return of the connection is told as well
    const offsets = agent.client.pushed.filter((p) => p.channel === own && p.offset).map((p) => p.offset);
    assert.deepEqual(offsets, offsets.map((_, i) => offsets[0] + i), "nothing is missing, nothing came twice");
  },

  "large messages": async ({ server, agent, visitor, chat }) => {
    const text = "Größe ✓ ".repeat(1000);
    for (let i = 0; i < 20; i++) await visitor.say(chat, `${i} ${text}`);
    await agent.chat.text(`19 ${text}`);
    const fresh = await Client.connect(server.url, agent.token, agent.client.way);
    const stream = await fresh.follow(`chat:${chat}`);
    await until("all of it in one recovery", () => stream.texts.length === 21);
    assert.deepEqual(stream.texts, agent.chat.texts);
    fresh.close();
  },

  "a server that is killed": async ({ server, agent, visitor, chat }) => {
    await agent.say(chat, "the last word before");
    await server.kill();
    await until("both notice", () => !agent.client.connected && !visitor.client.connected);
    await server.run();
    await until("both are back", () => agent.client.connected && visitor.client.connected);
    await agent.say(chat, "the first word after");
    await whole(server, chat, [agent, visitor], ["hello", "the last word before", "the first word after"]);
  },

  "a server that stops": async ({ server, agent, visitor }) => {
    const left = [agent, visitor].map((p) => event("the client is sent away", p.client.centrifuge, "connecting"));
    await server.end();
    for (const { code } of await Promise.all(left)) assert.equal(code, 3001);
    await server.run();
    await until("both are back", () => agent.client.connected && visitor.client.connected);
  },

  "no pong": async ({ server, proxy, agent, visitor }) => {
    proxy.swallowAnswers();
    // The client hears no pings, so the server hears no pongs: both give up.
    await event("the client gives up", agent.client.centrifuge, "connecting", 25_000);
    const known = async () => (await http.ok(server.url, `GET /v1/agents/${agent.id}`, { token: agent.token })).connected;
    await until("the server gives up", async () => !(await known()), 25_000);
    proxy.cut();
    proxy.mend();
    await until("both are back", () => agent.client.connected && visitor.client.connected, 25_000);
  },

  "a reader that is too slow": async ({ server, proxy, agent, visitor, chat }) => {
    const text = "x".repeat(10_000);
    let cut = false;
    agent.client.centrifuge.once("connecting", () => (cut = true));
    proxy.holdAnswers();
    let sent = 0;
    for (; (await http.ok(server.url, `GET /v1/agents/${agent.id}`, { token: agent.token })).connected; sent += 20) {
      assert.ok(sent < 3000, "the server cuts who does not read");
      for (let i = 0; i < 20; i++) await http.send(server.url, agent.token, chat, text);
    }
    proxy.mend();
    await until("it is cut, and comes back", () => cut && agent.client.connected, 30_000);
    await until("it subscribes again", () => agent.chat.recoveries.length > 1);
    await visitor.say(chat, "the last word");
    await agent.chat.text("the last word");
    const { offsets } = agent.chat;
    if (agent.chat.recoveries.every((whole) => whole)) {
      assert.deepEqual(offsets, offsets.map((_, i) => i + 1));
    } else {
      assert.deepEqual(offsets, [...new Set(offsets)].toSorted((a, b) => a - b), "told that there is a hole, and nothing twice");
    }
  },
};

/** What everybody must have seen: all that was said, once, in order. */
async function whole(server, chat, people, expected) {
  for (const person of people) {
    await person.chat.text(expected.at(-1));
    assert.deepEqual(person.chat.texts, expected);
    const { offsets } = person.chat;
    assert.deepEqual(offsets, offsets.map((_, i) => i + 1), "the offsets have no hole and no double");
  }
  const kept = await http.messages(server.url, people.at(-1).token, chat);
  assert.deepEqual(kept.filter((m) => m.kind === "text").map((m) => m.text), expected);
}

for (const way of WAYS) {
  test(way.name, async (t) => {
    const server = await Server.start({ env: { EVENKEEL_MAX_OUTGOING: "64KiB" } });
    const proxy = await Proxy.start(server.port);
    t.after(async () => {
      await proxy.stop();
      await server.stop();
    });
    const admin = await http.login(server.url);
    const scenarios = Object.entries(SCENARIOS);
    for (const [i, [name, play]] of scenarios.entries()) {
      await t.test(name, async () => {
        const stage = await enter(server, proxy, admin, way, `q${i}`);
        try {
          await play(stage);
        } finally {
          for (const person of [stage.agent, stage.visitor]) person.leave();
        }
      });
    }
  });
}

/** A fresh pair in a chat, with a queue of their own. */
async function enter(server, proxy, admin, way, queue) {
  await http.ok(server.url, `PUT /v1/queues/${queue}`, { token: admin.token, body: { name: queue } });
  const ann = await hire(server.url, admin.token, `ann-${queue}`, { queues: [{ id: queue, level: 1 }] });
  const agent = await Agent.come(server.url, ann, proxy.url, way);
  const visitor = await Visitor.come(server.url, proxy.url, way);
  const chat = await visitor.start("hello", { queue });
  await agent.accept(chat);
  return { server, proxy, admin, way, agent, visitor, chat };
}
