// The people of a chat, ready to talk.

import { randomUUID } from "node:crypto";

import { Client } from "./client.mjs";
import * as http from "./http.mjs";
import { until } from "./wait.mjs";

/** Somebody with a token, and a connection through the given base. */
class Person {
  static async arrive(base, id, token, way) {
    const person = new this();
    Object.assign(person, { id, token, client: await Client.connect(base, token, way) });
    return person;
  }

  leave() {
    this.client.close();
  }

  async say(chat, text, more = {}) {
    return this.client.tell("chat.send", { chat, text, ...more });
  }

  /** Calls a method with one id until there is an answer, whatever the network does. */
  async insist(method, params) {
    const id = randomUUID();
    for (;;) {
      try {
        return await this.client.ask(method, { id, ...params });
      } catch (err) {
        const temporary = err.code < 100 || [100, 108, 111, 1011].includes(err.code);
        if (!temporary) throw err;
        await until("the client is back", () => this.client.connected);
      }
    }
  }
}

export class Visitor extends Person {
  /** @param {string} direct base for HTTP @param {string} [via] base for the connection @param {object} [way] of ways.mjs */
  static async come(direct, via = direct, way) {
    const { visitor, token } = await http.visitor(direct);
    return this.arrive(via, visitor, token, way);
  }

  /** Starts a chat and follows it. Returns its id. */
  async start(message, more = {}) {
    const { chat } = await this.client.tell("chat.start", { message, ...more });
    this.chat = await this.client.follow(`chat:${chat.id}`);
    return chat.id;
  }
}

export class Agent extends Person {
  /** Signs in, connects and is there for chats. */
  static async come(direct, { email, password } = {}, via = direct, way) {
    const { token, user } = await http.login(direct, email, password);
    const agent = await this.arrive(via, user.id, token, way);
    await agent.client.tell("agent.status", { status: "online" });
    return agent;
  }

  /** Waits for the offer of a chat, accepts it and follows the chat. */
  async accept(chat) {
    const offer = await this.client.push("offer", (p) => p.chat.id === chat);
    await this.client.tell("chat.accept", { chat, offer: offer.offer });
    await this.client.push("assigned", (p) => p.chat.id === chat);
    this.chat = await this.client.follow(`chat:${chat}`);
    this.staff = await this.client.follow(`staff:${chat}`);
    return offer;
  }

  async note(chat, text) {
    return this.say(chat, text, { kind: "note" });
  }
}

/** Makes an agent in the queue "general" and returns how to sign in. */
export async function hire(base, adminToken, id, more = {}) {
  const email = `${id}@example.com`;
  const password = `password of ${id} ${randomUUID()}`;
  await http.ok(base, `PUT /v1/agents/${id}`, {
    token: adminToken,
    body: { id, name: id[0].toUpperCase() + id.slice(1), email, password, role: "agent", capacity: 4, queues: [{ id: "general", level: 1 }], ...more },
  });
  return { email, password };
}
