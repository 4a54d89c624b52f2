// One Centrifuge instance that goes from node to node.
//
// The SDK is told its addresses once, and has subscriptions that must outlive a
// node. So it is given the addresses of the first node, and the constructors and
// the fetch with which it opens them put the node of this try in their place. The
// node is chosen in getData, the one hook of the SDK that runs before each try,
// may take its time, and is dropped by the SDK when the try is. All of these are
// documented options, and all transports go the same way.

import { Centrifuge, UnauthorizedError } from "centrifuge";
import type { MessageContext, Options, TransportName } from "centrifuge";

import { decide } from "./decide.js";
import { nodeOf, Nodes, nodesOf } from "./nodes.js";
import { Pace, sleep } from "./pace.js";
import { Memory, pageStore, type Store } from "./store.js";

type Transport = Extract<TransportName, "websocket" | "http_stream" | "sse">;

export interface ConnectOptions extends Partial<Omit<Options, "emulationEndpoint" | "sockjs" | "sockjsOptions">> {
  /** Nodes, such as https://chat.example; one is enough, more help at a first start. Default: where the page comes from. */
  endpoints?: readonly string[];
  /** What to try, in this order. Default: WebSocket alone. */
  transports?: readonly Transport[];
  /** Where the nodes are kept that the cell has told of; null: nowhere. Default: localStorage. */
  store?: Store | null;
}

export interface Connection {
  /** The SDK's client: subscribe, call and listen as always. It is the same one at every node. */
  readonly centrifuge: Centrifuge;
  /** The node that is used, or tried. */
  readonly node: string;
  /** Every node that is known, the last good one first. */
  readonly nodes: readonly string[];
  /** Ends it. centrifuge.connect() begins again. */
  close(): void;
}

/** Connects to a cell, and stays connected while any of its nodes can be reached. */
export function connect(options: ConnectOptions = {}): Connection {
  return new Roaming(options);
}

/** How long one node may take to answer: in later rounds longer, for slow networks. */
const firstAnswer = 2_000;
const longestAnswer = 10_000;

class Roaming implements Connection {
  readonly centrifuge: Centrifuge;
  readonly #options: ConnectOptions;
  readonly #nodes: Nodes;
  readonly #memory: Memory;
  readonly #pace: Pace;
  readonly #fetch: typeof fetch;
  /** Ends what waits for the present try. */
  #attempt = new AbortController();
  #node: string;
  /** What is left of the last decision. */
  #listed: string[] = [];
  /** Where the server has sent this client. */
  #moved: string | undefined;
  /** Nothing was tried since connect(). */
  #fresh = true;
  /** Since when it is connected. */
  #since: number | undefined;

  constructor(options: ConnectOptions) {
    const given = givenNodes(options.endpoints);
    this.#options = options;
    this.#node = given[0];
    this.#memory = new Memory(options.store === undefined ? pageStore() : options.store, this.#node);
    this.#nodes = new Nodes(given, this.#memory.read());
    this.#pace = new Pace(options.minReconnectDelay ?? 100, options.maxReconnectDelay ?? 5_000);
    this.#fetch = options.fetch ?? ((...args: Parameters<typeof fetch>) => fetch(...args));
    const first = this.#node;
    const transports = (options.transports ?? ["websocket"]).map((transport) => ({
      transport,
      endpoint: `${transport === "websocket" ? webSocketOf(first) : first}/connection/${transport}`,
    }));
    this.centrifuge = new Centrifuge(transports, { ...sdkOptions(options), ...this.#hooks(first) });
    this.centrifuge.on("connected", () => this.#arrived());
    this.centrifuge.on("disconnected", () => this.#ended());
    this.centrifuge.on("message", (message) => this.#told(message));
    this.centrifuge.connect();
  }

  get node(): string {
    return this.#node;
  }

  get nodes(): readonly string[] {
    return this.#nodes.all();
  }

  close(): void {
    this.centrifuge.disconnect();
  }

  /** What the SDK opens goes to the node of this try. */
  #hooks(first: string): Partial<Options> {
    const here = (address: string) => {
      const [from, to] = address.startsWith("ws") ? [webSocketOf(first), webSocketOf(this.#node)] : [first, this.#node];
      return to + address.slice(from.length);
    };
    const opening = (Real: any) => Real && function (address: string, more?: unknown) {
      return new Real(here(address), more);
    };
    const { websocket, eventsource, getToken } = this.#options;
    return {
      websocket: opening(websocket ?? globalThis.WebSocket) ?? null,
      eventsource: opening(eventsource ?? globalThis.EventSource) ?? null,
      fetch: (address: string, init?: RequestInit) => this.#fetch(here(address), init),
      emulationEndpoint: `${first}/emulation`,
      getData: () => this.#prepare(),
      getToken: getToken ? (ctx) => this.#paced(() => getToken(ctx)) : null,
      // The pauses are made here: none when the server says where to go.
      minReconnectDelay: 1,
      maxReconnectDelay: 1,
    };
  }

  async #prepare(): Promise<unknown> {
    this.#attempt.abort();
    this.#attempt = new AbortController();
    await this.#choose(this.#attempt.signal);
    return this.#options.getData ? this.#options.getData() : (this.#options.data ?? null);
  }

  /** Chooses the node of the next try. It gives up only when the SDK has dropped the try. */
  async #choose(signal: AbortSignal): Promise<void> {
    if (this.#moved !== undefined) {
      this.#node = this.#moved;
      this.#moved = undefined;
      return;
    }
    if (!this.#fresh) {
      this.#nodes.lost(this.#node);
      this.#settle();
      await sleep(this.#pace.next(), signal);
    }
    this.#fresh = false;
    for (let patience = firstAnswer; !signal.aborted; patience = Math.min(2 * patience, longestAnswer)) {
      if (this.#listed.length === 0) await this.#ask(patience, signal);
      const next = this.#listed.shift();
      if (next !== undefined) {
        if (!signal.aborted) this.#node = next;
        return;
      }
      await sleep(this.#pace.next(), signal);
    }
  }

  /** Asks one node after the other until one decides. */
  async #ask(patience: number, signal: AbortSignal): Promise<void> {
    for (const node of this.#nodes.round()) {
      const late = new AbortController();
      const end = () => late.abort();
      const timer = setTimeout(end, patience);
      signal.addEventListener("abort", end);
      try {
        const { places, nodes } = await decide(node, this.#fetch, late.signal);
        if (signal.aborted) return;
        this.#listed = this.#nodes.soundFirst(places);
        this.#nodes.learn(nodes);
        this.#memory.write(this.#nodes.all());
        return;
      } catch {
        if (signal.aborted) return; // else this node is of no use now, and the next is asked
      } finally {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
      }
    }
  }

  /** Asks the page for a token. One that cannot be had now is asked for again after a pause, for the SDK makes none. */
  async #paced(ask: () => Promise<string>): Promise<string> {
    try {
      return await ask();
    } catch (err) {
      if (!(err instanceof UnauthorizedError)) await sleep(this.#pace.next(), this.#attempt.signal);
      throw err;
    }
  }

  #arrived(): void {
    this.#since = performance.now();
    this.#listed = [];
    this.#nodes.good(this.#node);
    this.#memory.write(this.#nodes.all());
  }

  /** Begins with short pauses anew if the connection has held for a while. */
  #settle(): void {
    if (this.#since !== undefined && performance.now() - this.#since > this.#pace.max) this.#pace.reset();
    this.#since = undefined;
  }

  #ended(): void {
    this.#attempt.abort();
    this.#attempt = new AbortController();
    this.#pace.reset();
    this.#fresh = true;
    this.#moved = undefined;
  }

  #told({ data }: MessageContext): void {
    if (data?.type !== "move" || typeof data.endpoint?.url !== "string") return;
    this.#moved = nodeOf(data.endpoint.url);
    if (this.#moved === undefined) return;
    this.#nodes.learn([this.#moved]);
    this.#memory.write(this.#nodes.all());
  }
}

function givenNodes(endpoints: readonly string[] = [globalThis.location?.origin ?? ""]): [string, ...string[]] {
  for (const address of endpoints) {
    if (nodeOf(address) === undefined) throw new TypeError(`endpoints: "${address}" is not the address of a node, such as https://chat.example`);
  }
  const [first, ...others] = nodesOf(endpoints);
  if (first === undefined) throw new TypeError("endpoints: name at least one node, such as https://chat.example");
  return [first, ...others];
}

/** What is the SDK's of the options. */
function sdkOptions({ endpoints: _, transports: __, store: ___, ...rest }: ConnectOptions): Partial<Options> {
  return rest;
}

function webSocketOf(node: string): string {
  return node.replace(/^http/, "ws");
}
