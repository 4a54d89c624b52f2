// The operator's own users, with tokens that the operator signs, on channels of
// namespaces: over each transport in each encoding.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Client } from "../harness/client.mjs";
import * as http from "../harness/http.mjs";
import { sign } from "../harness/jwt.mjs";
import { Agent, hire, Visitor } from "../harness/people.mjs";
import { Server } from "../harness/server.mjs";
import { event, until } from "../harness/wait.mjs";
import { centrifuge, WAYS, WEBSOCKET } from "../harness/ways.mjs";

const SECRET = "the operator's own secret, of 32 bytes and more";

async function begin(t) {
  const server = await Server.start();
  t.after(() => server.stop());
  const { token } = await http.login(server.url);
  await http.ok(server.url, "PUT /v1/workspaces/default/tokens", { token, body: { hmac_secret: SECRET } });
  const namespaces = {
    room: { subscribe: "any", publish: "subscribers", presence: true, join_leave: true },
    feed: { publish: "token", history: { size: 10 }, recover: true, client_history: true },
    quotes: { subscribe: "any", publish: "subscribers", history: { size: 1 }, last_value: true },
  };
  for (const [name, body] of Object.entries(namespaces)) await http.ok(server.url, `PUT /v1/namespaces/${name}`, { token, body });
  return { server, admin: token };
}

const user = (server, way, sub, claims = {}, options = {}) => Client.connect(server.url, sign(SECRET, { sub, ...claims }, 3600), way, options);

/** A subscription with all that it is told. */
async function enter(client, channel, options = {}) {
  const sub = client.centrifuge.newSubscription(channel, options);
  const seen = { sub, joins: [], leaves: [], texts: [], infos: [] };
  sub.on("join", (ctx) => seen.joins.push(ctx.info.user));
  sub.on("leave", (ctx) => seen.leaves.push(ctx.info.user));
  sub.on("publication", (ctx) => {
    seen.texts.push(client.way.unpack(ctx.data).text);
    seen.infos.push(ctx.info);
  });
  const subscribed = event(`the subscription to ${channel}`, sub, "subscribed");
  sub.subscribe();
  seen.start = await subscribed;
  return seen;
}

const SCENARIOS = {
  "two users see each other come, publish and go": async ({ server, way, n }) => {
    const [ann, bob] = [await user(server, way, "ann", { info: { name: "Ann" } }), await user(server, way, "bob")];
    const room = `room:${n}`;
    const a = await enter(ann, room, { joinLeave: true });
    await until("she is told of herself", () => a.joins.length === 1);
    const b = await enter(bob, room, { joinLeave: true });
    await until("she sees him come", () => a.joins.includes("bob"));
    assert.equal(a.start.recoverable, false, "nothing is promised that is not kept");
    const { clients } = await b.sub.presence();
    const names = Object.values(clients).map((c) => c.user);
    assert.deepEqual(names.toSorted(), ["ann", "bob"]);
    const hers = Object.values(clients).find((c) => c.user === "ann");
    assert.deepEqual(way.unpack(hers.connInfo), { name: "Ann" });
    assert.deepEqual(await b.sub.presenceStats(), { numClients: 2, numUsers: 2 });
    await a.sub.publish(way.pack({ text: "hello" }));
    await until("he hears her", () => b.texts.includes("hello"));
    assert.equal(b.infos[0].user, "ann");
    assert.equal(b.infos[0].client, ann.info.client);
    await b.sub.publish(way.pack({ text: "hi" }));
    await until("she hears him, and herself", () => a.texts.join() === "hello,hi");
    bob.close();
    await until("she sees him go", () => a.leaves.includes("bob"));
    assert.deepEqual(await a.sub.presenceStats(), { numClients: 1, numUsers: 1 });
    ann.close();
  },

  "what a token names the server subscribes": async ({ server, way, n }) => {
    const ann = await user(server, way, `own${n}`, { channels: [`feed:${n}`], subs: { [`room:s${n}`]: { info: { seat: 3 } } } });
    const bob = await user(server, way, "bob");
    const joins = [];
    ann.centrifuge.on("join", (ctx) => joins.push(ctx.info.user));
    const { sub } = await enter(bob, `room:s${n}`);
    await until("the server's subscription sees him come", () => joins.includes("bob"));
    const { clients } = await sub.presence();
    const hers = Object.values(clients).find((c) => c.user === `own${n}`);
    assert.deepEqual(way.unpack(hers.chanInfo), { seat: 3 });
    await sub.publish(way.pack({ text: "for all" }));
    await until("it comes to her", () => ann.pushed.some((p) => p.channel === `room:s${n}` && p.text === "for all"));
    for (const other of [`user:own${n}`, `feed:x${n}`, "chat:c1"]) {
      assert.ok([101, 102, 103].includes(await bob.denied(other)), `${other} is not his`);
    }
    ann.close();
    bob.close();
  },

  "what is kept is recovered, and read": async ({ server, way, n }) => {
    const feed = `feed:${n}`;
    const writer = await user(server, way, "w", { channels: [feed] });
    const say = (text) => writer.centrifuge.publish(feed, way.pack({ text }));
    const reader = await user(server, way, "r");
    const r = await enter(reader, feed, { getToken: async () => sign(SECRET, { sub: "r", channel: feed }, 3600) });
    assert.equal(r.start.recoverable, true);
    await say("one");
    await until("it is read", () => r.texts.length === 1);
    r.sub.unsubscribe();
    await say("two");
    await say("three");
    const again = event("he is back", r.sub, "subscribed");
    r.sub.subscribe();
    await again;
    const cut = event("he loses the connection", reader.centrifuge, "connecting");
    reader.centrifuge._transport.close(); // as when the network goes
    await cut;
    await until("he is connected again", () => reader.connected && r.sub.state === "subscribed");
    await say("four");
    await until("the rest", () => r.texts.at(-1) === "four");
    assert.equal(new Set(r.texts).size, r.texts.length, "nothing came twice");
    const all = await r.sub.history({ limit: -1 });
    assert.deepEqual(all.publications.map((p) => way.unpack(p.data).text), ["one", "two", "three", "four"]);
    writer.close();
    reader.close();
  },

  "the last value comes first": async ({ server, way, n }) => {
    const [w, r] = [await user(server, way, "w"), await user(server, way, "r")];
    const { sub } = await enter(w, `quotes:${n}`);
    await sub.publish(way.pack({ text: "1.10" }));
    await sub.publish(way.pack({ text: "1.11" }));
    const seen = await enter(r, `quotes:${n}`);
    await until("the last value", () => seen.texts.length > 0);
    assert.deepEqual(seen.texts, ["1.11"]);
    w.close();
    r.close();
  },

  "a token is renewed, and nothing ends": async ({ server, way, n }) => {
    let connection = 0;
    let subscription = 0;
    const feed = `feed:t${n}`;
    const getToken = async () => sign(SECRET, { sub: "ann" }, ++connection > 1 ? 3600 : 2);
    const ann = await Client.connect(server.url, "", way, { getToken });
    const a = await enter(ann, feed, { getToken: async () => sign(SECRET, { sub: "ann", channel: feed }, ++subscription > 1 ? 3600 : 2) });
    const ends = [];
    for (const [of, name] of [[ann.centrifuge, "connecting"], [ann.centrifuge, "disconnected"], [a.sub, "subscribing"], [a.sub, "unsubscribed"]]) {
      of.on(name, (ctx) => ends.push([name, ctx.code]));
    }
    await until("both tokens are asked for anew", () => connection === 2 && subscription === 2);
    await a.sub.history({ limit: 0 });
    assert.deepEqual(ends, []);
    assert.equal(ann.centrifuge._client, ann.info.client, "on the same connection");
    ann.close();
  },

  "forged tokens": async ({ server, way, n }) => {
    const feed = `feed:${n}`;
    for (const [token, code] of [
      [sign("another secret of 32 bytes and more", { sub: "ann" }, 60), 101],
      [sign(SECRET, { sub: "ann", channels: ["chat:c1"] }, 60), 1000],
    ]) {
      const client = centrifuge(way, server.url, { token });
      const refused = event("the token is refused", client, "disconnected");
      client.connect();
      assert.equal((await refused).code, code);
    }
    const ann = await user(server, way, "ann");
    for (const [token, code] of [
      [sign("another secret of 32 bytes and more", { sub: "ann", channel: feed }, 60), 101],
      [sign(SECRET, { sub: "bob", channel: feed }, 60), 103],
      [sign(SECRET, { sub: "ann", channel: `${feed}1` }, 60), 103],
    ]) {
      const sub = ann.centrifuge.newSubscription(feed, { token });
      const refused = event("the subscription is refused", sub, "unsubscribed");
      sub.subscribe();
      assert.equal((await refused).code, code);
      ann.centrifuge.removeSubscription(sub);
    }
    assert.ok(ann.connected);
    ann.close();
  },

  "limits": async ({ server, way, n }) => {
    const ann = await user(server, way, "ann");
    const { sub } = await enter(ann, `room:l${n}`);
    await assert.rejects(sub.publish(way.pack({ text: "x".repeat(17 << 10) })), { code: 1007 });
    const codes = [];
    await Promise.all(Array.from({ length: 60 }, (_, i) => sub.publish(way.pack({ text: `${i}` })).catch((err) => codes.push(err.code))));
    assert.ok(codes.length > 0 && codes.every((code) => code === 111), `${codes}`);
    assert.ok(ann.connected);
    ann.close();
  },

  "who is in a chat": async ({ server, admin, way, n }) => {
    await http.ok(server.url, `PUT /v1/queues/q${n}`, { token: admin, body: {} });
    const agent = await Agent.come(server.url, await hire(server.url, admin, `agent${n}`, { queues: [{ id: `q${n}`, level: 1 }] }), server.url, way);
    const visitor = await Visitor.come(server.url, server.url, way);
    const chat = await visitor.start("hello", { queue: `q${n}` });
    await agent.accept(chat);
    const who = await until("both are there", async () => {
      const { clients } = await agent.chat.sub.presence();
      return Object.keys(clients).length === 2 && Object.values(clients);
    });
    assert.deepEqual(who.map((c) => c.user.split(":")[0]).toSorted(), ["agent", "visitor"]);
    await assert.rejects(visitor.chat.sub.presence(), { code: 103 });
    await assert.rejects(visitor.chat.sub.presenceStats(), { code: 103 });
    for (const person of [agent, visitor]) person.leave();
  },

  "a namespace that goes": async ({ server, admin, way, n }) => {
    await http.ok(server.url, `PUT /v1/namespaces/gone${n}`, { token: admin, body: { subscribe: "any" } });
    const ann = await user(server, way, "ann");
    const { sub } = await enter(ann, `gone${n}:1`);
    const ended = event("the channel is taken away", sub, "unsubscribed");
    await http.ok(server.url, `DELETE /v1/namespaces/gone${n}`, { token: admin });
    assert.equal((await ended).code, 2000);
    assert.ok(ann.connected);
    ann.close();
  },
};

test("users", async (t) => {
  const stage = await begin(t);
  for (const [w, way] of WAYS.entries()) {
    for (const [i, [name, play]] of Object.entries(SCENARIOS).entries()) {
      await t.test(`${way.name}: ${name}`, () => play({ ...stage, way, n: `${w}x${i}` }));
    }
  }
});

test("tokens that are not renewed", async (t) => {
  const { server } = await begin(t);
  const ann = await Client.connect(server.url, sign(SECRET, { sub: "ann" }, 3600), WEBSOCKET);
  const feed = "feed:1";
  const never = () => new Promise(() => {});
  const sub = ann.centrifuge.newSubscription(feed, { token: sign(SECRET, { sub: "ann", channel: feed }, 1), getToken: never });
  const unsubscribed = event("the subscription ends", sub, "subscribing", 40_000);
  sub.subscribe();
  await unsubscribed; // the first is its beginning
  const ended = event("the subscription ends", sub, "subscribing", 40_000);
  const bob = await Client.connect(server.url, sign(SECRET, { sub: "bob" }, 1), WEBSOCKET, { getToken: never });
  const cut = event("the connection ends", bob.centrifuge, "connecting", 40_000);
  assert.equal((await ended).code, 2501);
  assert.equal((await cut).code, 3005);
  ann.close();
  bob.close();
});
