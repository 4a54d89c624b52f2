// The protocol without a client library: frames as they are on the wire, for
// what a well-behaved library never sends.

import WebSocket from "ws";

import { event, until } from "./wait.mjs";

export class Wire {
  /** Replies and pushes in order of arrival; a ping is {}. */
  frames = [];
  closed = null;

  /** @param {string} base http://host:port */
  static async open(base) {
    const wire = new Wire();
    wire.socket = new WebSocket(`${base.replace(/^http/, "ws")}/connection/websocket`);
    wire.socket.on("message", (data) => {
      for (const line of String(data).split("\n")) if (line) wire.frames.push(JSON.parse(line));
    });
    wire.socket.on("close", (code, reason) => (wire.closed = { code, reason: String(reason) }));
    wire.socket.on("error", () => {});
    await event("the socket opens", wire.socket, "open");
    return wire;
  }

  /** Opens and sends the connect command. */
  static async connect(base, token) {
    const wire = await Wire.open(base);
    wire.hello = await wire.ask({ connect: { token } });
    return wire;
  }

  #id = 0;

  send(...commands) {
    this.socket.send(commands.map((c) => (typeof c === "string" ? c : JSON.stringify(c))).join("\n"));
  }

  /** Sends one command and waits for its reply. */
  async ask(command) {
    const id = ++this.#id;
    this.send({ id, ...command });
    return this.reply(id);
  }

  async reply(id) {
    return until(`the reply to command ${id}`, () => this.frames.find((f) => f.id === id));
  }

  /** Waits until the server has closed the connection. */
  async end(timeoutMs) {
    return until("the server closes the connection", () => this.closed, timeoutMs);
  }

  close() {
    this.socket.terminate();
  }
}
