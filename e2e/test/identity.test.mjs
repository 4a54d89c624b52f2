// A visitor signs in during a chat: the chat goes on under his name, and nothing
// that was said is lost or doubled. What is not signed rightly is refused.

import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import * as http from "../harness/http.mjs";
import { Agent, Visitor } from "../harness/people.mjs";
import { Server } from "../harness/server.mjs";
import { event, until } from "../harness/wait.mjs";

const secret = "a secret of the shop and the cell";
const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const soon = () => Math.floor(Date.now() / 1000) + 300;

/** A JSON Web Token, made by hand: by no code of the server's. */
function jwt(header, claims, signer) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part(header)}.${part(claims)}`;
  return `${text}.${signer(text).toString("base64url")}`;
}
const hs256 = (claims, key = secret) => jwt({ alg: "HS256" }, { exp: soon(), ...claims }, (text) => createHmac("sha256", key).update(text).digest());
const es256 = (claims, kid) =>
  jwt({ alg: "ES256", kid }, { exp: soon(), ...claims }, (text) => sign("sha256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" }));

let server, admin, agent, idp;

before(async () => {
  server = await Server.start();
  admin = await http.login(server.url);
  agent = await Agent.come(server.url);
  idp = createServer((_, answer) => answer.end(JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k1" }] })));
  idp.listen(0, "127.0.0.1");
  await once(idp, "listening");
  const trusted = { hmac_secret: secret, jwks_url: `http://127.0.0.1:${idp.address().port}/` };
  const answer = await http.ok(server.url, "PUT /v1/workspaces/default/identity", { token: admin.token, body: trusted });
  assert.equal(answer.has_secret, true);
});

after(async () => {
  agent?.leave();
  idp?.close();
  await server?.stop();
});

const identify = (token, identity) => http.ok(server.url, "POST /v1/visitors", { token, body: { identity } });

test("identified during a chat, he goes on without a hole", async () => {
  const visitor = await Visitor.come(server.url);
  const chat = await visitor.start("hello");
  await agent.accept(chat);
  const id = randomUUID();
  await visitor.client.ask("chat.send", { id, chat, text: "one" });

  const revoked = event("the visitor loses the chat", visitor.chat.sub, "unsubscribed");
  const { visitor: customer, token } = await identify(visitor.token, hs256({ sub: "42", name: "Ann" }));
  assert.equal(customer, "u-42");
  await revoked;
  visitor.leave();

  await agent.say(chat, "two"); // while he is away
  const ann = await Visitor.arrive(server.url, customer, token);
  ann.chat = await ann.client.follow(`chat:${chat}`);
  await ann.client.ask("chat.send", { id, chat, text: "one" }); // sent again under the new name
  await ann.say(chat, "three");
  const expected = ["hello", "one", "two", "three"];
  for (const person of [ann, agent]) {
    await person.chat.text("three");
    assert.deepEqual(person.chat.texts, expected);
  }
  const kept = (await http.messages(server.url, token, chat)).filter((m) => m.kind === "text");
  assert.deepEqual(kept.map((m) => [m.number, m.text]), expected.map((text, i) => [i + 1, text]));
  await http.refused(server.url, `GET /v1/chats/${chat}`, 404, "not_found", { token: visitor.token });

  // A bot writes the context; the agent's page hears of it at once.
  const path = `/v1/customers/${customer}/context`;
  const { version } = await http.ok(server.url, `PUT ${path}`, { token: admin.token, body: { version: 0, data: { cart: 3 } } });
  await until("the agent hears of the context", () => agent.staff.events.some((p) => p.type === "context" && p.version === version));
  assert.deepEqual((await agent.client.ask("context.get", { chat })).data, { cart: 3 });
  await http.refused(server.url, `PUT ${path}`, 412, "version_conflict", { token: admin.token, body: { version: 0, data: {} } });
  ann.leave();
});

test("a key of the provider is as good as the secret", async () => {
  assert.equal((await identify(undefined, es256({ sub: "43" }, "k1"))).visitor, "u-43");
});

test("what is not signed rightly is refused", async () => {
  const pem = publicKey.export({ format: "pem", type: "spki" });
  for (const [what, identity, status, code] of [
    ["forged", hs256({ sub: "42" }, "another secret of thirty-two bytes"), 401, "unauthenticated"],
    ["expired", hs256({ sub: "42", exp: 1 }), 401, "token_expired"],
    ["alg none", jwt({ alg: "none" }, { sub: "42", exp: soon() }, () => Buffer.alloc(0)), 401, "unauthenticated"],
    ["the public key as a secret", hs256({ sub: "42" }, pem), 401, "unauthenticated"],
    ["an unknown key", es256({ sub: "42" }, "k2"), 401, "unauthenticated"],
    ["without a name", hs256({}), 400, "bad_request"],
  ]) {
    const refusal = await http.refused(server.url, "POST /v1/visitors", status, code, { body: { identity } });
    assert.equal(refusal.field, "identity", what);
  }
});
