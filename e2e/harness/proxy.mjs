// A network that can fail. It stands between clients and the server, passes
// bytes on, and on demand cuts every connection, swallows what the server
// answers, or refuses new connections.

import { once } from "node:events";
import net from "node:net";

export class Proxy {
  #listener;
  #pairs = new Set();
  #refusing = false;
  #deaf = false;
  #plain = false;

  /**
   * @param {number} target port of the server on loopback
   * @param {{plain?: boolean}} [options] plain: WebSockets do not get through
   */
  static async start(target, { plain = false } = {}) {
    const proxy = new Proxy();
    proxy.#plain = plain;
    proxy.#listener = net.createServer((client) => proxy.#join(client, target));
    proxy.#listener.listen(0, "127.0.0.1");
    await once(proxy.#listener, "listening");
    proxy.port = proxy.#listener.address().port;
    proxy.url = `http://127.0.0.1:${proxy.port}`;
    return proxy;
  }

  #join(client, target) {
    if (this.#refusing) {
      client.destroy();
      return;
    }
    const server = net.connect(target, "127.0.0.1");
    const pair = { client, server };
    this.#pairs.add(pair);
    const end = () => {
      client.destroy();
      server.destroy();
      this.#pairs.delete(pair);
    };
    client.on("data", (chunk) => {
      if (this.#plain && /^upgrade: *websocket/im.test(chunk.toString("latin1"))) end();
      else server.write(chunk);
    });
    server.on("data", (chunk) => {
      if (!this.#deaf) client.write(chunk);
    });
    for (const socket of [client, server]) {
      socket.on("error", end);
      socket.on("close", end);
    }
  }

  /** How many connections pass through at the moment. */
  get connections() {
    return this.#pairs.size;
  }

  /** Resets every connection, and refuses new ones until mend(). */
  cut() {
    this.#refusing = true;
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  /** Resets those connections for which choose() says so; they may come back. */
  cutSome(choose) {
    for (const pair of [...this.#pairs].filter(choose)) {
      pair.client.resetAndDestroy();
      pair.server.resetAndDestroy();
    }
  }

  /** From now on, nothing that the server says arrives. */
  swallowAnswers() {
    this.#deaf = true;
  }

  /** From now on nothing that the server says is taken from it, until mend(): it has to wait. */
  holdAnswers() {
    for (const { server } of this.#pairs) server.pause();
  }

  /** The network is well again. */
  mend() {
    for (const { server } of this.#pairs) server.resume();
    this.#refusing = false;
    this.#deaf = false;
  }

  async stop() {
    this.cut();
    this.#listener.close();
    await once(this.#listener, "close");
  }
}
