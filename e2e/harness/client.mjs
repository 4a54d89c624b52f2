// The official client, unmodified, with a memory: it keeps what it was sent.

import { randomUUID } from "node:crypto";

import { event, until } from "./wait.mjs";
import { centrifuge, WEBSOCKET } from "./ways.mjs";

export class Client {
  /** Publications of channels that the server subscribed, in order. */
  pushed = [];
  /** Every subscription made here, by channel. */
  streams = new Map();

  /**
   * Connects and waits for it.
   * @param {string} base http://host:port
   * @param {string} token
   * @param {object} [way] of ways.mjs
   * @param {object} [options] of the library
   */
  static async connect(base, token, way = WEBSOCKET, options = {}) {
    const client = new Client();
    client.way = way;
    client.centrifuge = centrifuge(way, base, { token, ...options });
    client.centrifuge.on("publication", (ctx) => client.pushed.push({ channel: ctx.channel, offset: ctx.offset, ...way.unpack(ctx.data) }));
    const connected = event("the client connects", client.centrifuge, "connected");
    client.centrifuge.connect();
    client.info = await connected;
    return client;
  }

  get connected() {
    return this.centrifuge.state === "connected";
  }

  /** Calls a method that changes nothing. */
  async ask(method, params = {}) {
    return this.way.unpack((await this.centrifuge.rpc(method, this.way.pack(params))).data);
  }

  /** Calls a method that changes something, with an id of its own or a given one. */
  async tell(method, params) {
    return this.ask(method, { id: randomUUID(), ...params });
  }

  /** Waits for a publication of one type on a channel of the server's choice. */
  async push(type, matches = () => true) {
    return until(`a push of type ${type}`, () => this.pushed.find((p) => p.type === type && matches(p)));
  }

  /** Subscribes from the first event on, and waits for the history. */
  async follow(channel) {
    const stream = new Stream(this.centrifuge, channel, this.way);
    this.streams.set(channel, stream);
    await stream.start();
    return stream;
  }

  /** Subscribes from the first event on, as often as the network makes it necessary. */
  track(channel) {
    const stream = new Stream(this.centrifuge, channel, this.way);
    this.streams.set(channel, stream);
    stream.sub.subscribe();
    return stream;
  }

  /** Tries to subscribe and returns the error code; fails if it is allowed. */
  async denied(channel) {
    const sub = this.centrifuge.newSubscription(channel);
    try {
      return await new Promise((resolve, reject) => {
        sub.once("subscribed", () => reject(new Error(`the subscription to ${channel} was allowed`)));
        sub.once("error", (ctx) => resolve(ctx.error.code));
        sub.once("unsubscribed", (ctx) => resolve(ctx.code));
        sub.subscribe();
      });
    } finally {
      sub.unsubscribe();
      this.centrifuge.removeSubscription(sub);
    }
  }

  close() {
    this.centrifuge.disconnect();
  }
}

/** One channel as one client saw it. */
export class Stream {
  /** Publications in the order of arrival: {offset, ...data}. */
  events = [];
  /** Whether each subscription after the first was recovered whole. */
  recoveries = [];

  constructor(centrifuge, channel, way) {
    this.channel = channel;
    this.sub = centrifuge.newSubscription(channel, { since: { offset: 0, epoch: "" }, recoverable: true, positioned: true });
    this.sub.on("publication", (ctx) => this.events.push({ offset: ctx.offset, ...way.unpack(ctx.data) }));
    this.sub.on("subscribed", (ctx) => this.recoveries.push(ctx.wasRecovering && ctx.recovered));
  }

  async start() {
    const refused = new Promise((_, reject) => {
      this.sub.once("unsubscribed", (ctx) => reject(new Error(`${this.channel}: unsubscribed, ${ctx.code} ${ctx.reason}`)));
      this.sub.once("error", (ctx) => reject(new Error(`${this.channel}: ${ctx.error.code} ${ctx.error.message}`)));
    });
    refused.catch(() => {}); // it may come long after the start, when nobody waits
    this.sub.subscribe();
    await Promise.race([event(`the subscription to ${this.channel}`, this.sub, "subscribed"), refused]);
  }

  get messages() {
    return this.events.filter((e) => e.type === "message").map((e) => e.message);
  }

  get notes() {
    return this.events.filter((e) => e.type === "note").map((e) => e.note);
  }

  get texts() {
    return this.messages.filter((m) => m.kind === "text").map((m) => m.text);
  }

  /** Waits until a text has arrived. */
  async text(text) {
    return until(`"${text}" on ${this.channel}`, () => this.messages.find((m) => m.text === text));
  }

  /** Waits until the chat's state has become this. */
  async state(state) {
    return until(`state ${state} on ${this.channel}`, () => this.events.find((e) => e.type === "state" && e.chat.state === state));
  }

  /** The offsets of durable events, which must count on without a hole. */
  get offsets() {
    return this.events.filter((e) => e.offset).map((e) => e.offset);
  }
}
