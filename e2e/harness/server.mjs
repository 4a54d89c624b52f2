// A real server: the binary that users run, on loopback, with a data directory
// of its own.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { until } from "./wait.mjs";

const repository = fileURLToPath(new URL("../..", import.meta.url));

export const ADMIN_EMAIL = "admin@localhost";
export const ADMIN_PASSWORD = "correct horse battery staple";

/** The binary under test: EVENKEEL_BIN, or one that is built now. */
export function binary() {
  const given = process.env.EVENKEEL_BIN;
  if (given) return given;
  const built = path.join(repository, "bin", process.platform === "win32" ? "evenkeel.exe" : "evenkeel");
  const go = spawnSync("go", ["build", "-o", built, "./cmd/evenkeel"], { cwd: repository, stdio: "inherit" });
  if (go.status !== 0) throw new Error("go build ./cmd/evenkeel failed");
  return built;
}

/** A port that nobody listens on at the moment. */
export async function freePort() {
  const listener = net.createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = /** @type {net.AddressInfo} */ (listener.address());
  listener.close();
  await once(listener, "close");
  return port;
}

export class Server {
  #process = null;
  #exited = null;
  log = "";

  /**
   * Starts a fresh cell of one node and waits until it is ready.
   * @param {{password?: string | null, env?: object, args?: string[]}} [options] the first admin's password (null: the server makes one), more of the environment, more flags
   */
  static async start({ password = ADMIN_PASSWORD, env = {}, args = [] } = {}) {
    const server = new Server();
    server.args = args;
    server.env = { ...process.env, ...env };
    if (password !== null) server.env.EVENKEEL_ADMIN_PASSWORD = password;
    server.binary = binary();
    if (!existsSync(server.binary)) throw new Error(`no binary at ${server.binary}: run make build`);
    server.data = await mkdtemp(path.join(os.tmpdir(), "evenkeel-e2e-"));
    server.port = await freePort();
    server.url = `http://127.0.0.1:${server.port}`;
    await server.run().catch(async (err) => {
      await server.stop();
      throw err;
    });
    return server;
  }

  /** Another process on the same data, not yet running: there may be only one. */
  async rival() {
    const rival = new Server();
    const port = await freePort();
    return Object.assign(rival, { binary: this.binary, env: this.env, args: this.args, data: this.data, port, url: `http://127.0.0.1:${port}` });
  }

  /** Starts the process on the data that is there. */
  async run() {
    const args = ["serve", "--data", this.data, "--http", `127.0.0.1:${this.port}`, ...this.args];
    this.#process = spawn(this.binary, args, { env: this.env, stdio: ["ignore", "pipe", "pipe"] });
    this.#exited = once(this.#process, "exit");
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.on("data", (chunk) => (this.log += chunk));
    }
    try {
      await until("the server is ready", () => this.#ready(), 20_000);
    } catch (err) {
      await this.end();
      throw new Error(`${err.message}\n--- server log ---\n${this.log}`);
    }
  }

  async #ready() {
    const { exitCode } = this.#process;
    if (exitCode !== null) throw new Error(`the server ended with code ${exitCode}`);
    try {
      return (await fetch(`${this.url}/readyz`)).status === 200;
    } catch {
      return false;
    }
  }

  /** Ends the process without warning, as a power cut would. */
  async kill() {
    this.#process.kill("SIGKILL");
    await this.#exited;
  }

  /** Asks the process to end, and waits. */
  async end() {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      this.#process.kill("SIGTERM");
      const late = setTimeout(() => this.#process.kill("SIGKILL"), 5_000);
      await this.#exited;
      clearTimeout(late);
    }
  }

  /** Ends the process and removes its data. Its log is kept for whoever looks for a fault. */
  async stop() {
    await this.end();
    const results = path.join(repository, "e2e", "test-results");
    await mkdir(results, { recursive: true });
    await writeFile(path.join(results, `${path.basename(process.argv[1] ?? "server", ".test.mjs")}-${this.port}.log`), this.log);
    await rm(this.data, { recursive: true, force: true });
  }
}
