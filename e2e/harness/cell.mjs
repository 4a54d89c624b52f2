// A real cell of several nodes: processes on loopback that were joined as an
// operator joins machines.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { freePort, Server } from "./server.mjs";
import { until } from "./wait.mjs";

const run = promisify(execFile);

export class Cell {
  /** @type {Server[]} Node "n1" is the first, and so on. */
  nodes = [];

  /** Starts a cell and waits until all of its nodes vote and know of each other. */
  static async start(size = 3) {
    const cell = new Cell();
    try {
      while (cell.nodes.length < size) await cell.#add();
      await cell.healthy();
    } catch (err) {
      await cell.stop();
      throw err;
    }
    return cell;
  }

  async #add() {
    const args = ["--cluster", `127.0.0.1:${await freePort()}`, "--bus", `127.0.0.1:${await freePort()}`];
    if (this.nodes.length > 0) {
      const { join, token } = await this.node("invite");
      args.push("--join", join, "--token", token);
    }
    this.nodes.push(await Server.start({ args }));
  }

  /** Waits until every node is up and votes, and each sends clients to all of them. */
  async healthy() {
    await until(
      "every node votes and is up",
      async () => {
        const { nodes } = await this.node("list");
        return nodes.filter((n) => n.state === "up" && n.suffrage === "voter").length === this.nodes.length;
      },
      30_000,
    );
    for (const { url } of this.nodes) {
      await until(`${url} sends clients to all nodes`, async () => {
        const answer = await fetch(`${url}/v1/connect`, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
        return answer.ok && (await answer.json()).decide.length === this.nodes.length - 1;
      });
    }
  }

  /** Runs `evenkeel node ...` and returns what it says, on the machine of the first node or of another. */
  async node(verb, args = [], at = this.nodes[0]) {
    const { stdout } = await run(at.binary, ["node", verb, ...args, "--json", "--data", at.data]);
    return stdout === "" ? null : JSON.parse(stdout);
  }

  /** The node that has an address. */
  at(url) {
    const index = this.nodes.findIndex((node) => node.url === url);
    if (index < 0) throw new Error(`no node at ${url}`);
    return { id: `n${index + 1}`, server: this.nodes[index] };
  }

  /** The nodes but one. */
  others(url) {
    return this.nodes.filter((node) => node.url !== url);
  }

  async stop() {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }
}
