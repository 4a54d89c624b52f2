// One connection to the cell, and the messages that still have to reach it.

import { Centrifuge, type Subscription, type TransportEndpoint } from "centrifuge";

import { newID, temporaryCodes } from "./protocol";

export type LinkState = "connecting" | "connected" | "lost" | "ended";

/** A message on its way. It keeps its id until the server has answered for it. */
export interface Pending {
  chat: string;
  id: string;
  text: string;
  kind: "text" | "note";
  /** The server has it; it leaves the list when its publication is here. */
  acknowledged?: boolean;
  /** Why the server does not want it. */
  refused?: string;
}

interface Listeners {
  /** The connection came, went or came back. */
  state(state: LinkState): void;
  /** A new connection stands: what is not in a stream must be fetched. */
  fresh(): void;
  /** A publication on a channel that the server subscribed. */
  push(channel: string, data: unknown, offset: number): void;
  /** The list of messages on their way changed. */
  pending(): void;
}

/** The ways to the server, in the order in which they are tried: some networks let no WebSocket through. */
function ways(): TransportEndpoint[] {
  const { origin } = location;
  return [
    { transport: "websocket", endpoint: `${origin.replace(/^http/, "ws")}/connection/websocket` },
    { transport: "http_stream", endpoint: `${origin}/connection/http_stream` },
    { transport: "sse", endpoint: `${origin}/connection/sse` },
  ];
}

export class Link {
  state: LinkState = "connecting";
  readonly pending: Pending[] = [];

  private readonly client: Centrifuge;
  private sending = false;
  private backoff = 0;
  private wasConnected = false;

  /** @param memory key of the tab's storage for unsent messages */
  constructor(token: string, private readonly memory: string, private readonly listeners: Listeners) {
    this.pending = recall(memory);
    this.client = new Centrifuge(ways(), {
      token,
      emulationEndpoint: `${location.origin}/emulation`,
      minReconnectDelay: 200,
      maxReconnectDelay: 3000,
    });
    this.client.on("connecting", () => this.become(this.wasConnected ? "lost" : "connecting"));
    this.client.on("connected", () => {
      this.wasConnected = true;
      this.become("connected");
      this.listeners.fresh();
      void this.flush();
    });
    this.client.on("disconnected", () => this.become("ended"));
    this.client.on("publication", (ctx) => this.listeners.push(ctx.channel, ctx.data, ctx.offset ?? 0));
  }

  connect(): void {
    this.client.connect();
  }

  close(): void {
    this.client.disconnect();
    sessionStorage.removeItem(this.memory);
  }

  /** Calls a method once. Whoever calls repeats it, with the same id, if it must not be lost. */
  async rpc<T>(method: string, params: object = {}): Promise<T> {
    return (await this.client.rpc(method, params)).data as T;
  }

  /** Calls a method that changes something, with an id of its own, until the server has answered. */
  async command<T>(method: string, params: object = {}): Promise<T> {
    const id = newID();
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.rpc<T>(method, { id, ...params });
      } catch (error) {
        if (!temporary(error) || attempt >= 8 || this.state === "ended") throw error;
        await pause(Math.min(200 * 2 ** attempt, 3000));
      }
    }
  }

  /** Subscribes from the first event of the channel on. */
  follow(channel: string): Subscription {
    return (
      this.client.getSubscription(channel) ??
      this.client.newSubscription(channel, { since: { offset: 0, epoch: "" }, recoverable: true, positioned: true })
    );
  }

  forget(channel: string): void {
    const sub = this.client.getSubscription(channel);
    if (!sub) return;
    sub.unsubscribe();
    this.client.removeSubscription(sub);
  }

  /** Takes a message. It is sent when it can be, in order, and never twice. */
  send(chat: string, text: string, kind: "text" | "note"): void {
    this.pending.push({ chat, id: newID(), text, kind });
    this.changed();
    void this.flush();
  }

  /** Takes a message off the list: it is in the chat, or was refused and given up. */
  settle(id: string): void {
    const at = this.pending.findIndex((p) => p.id === id);
    if (at < 0) return;
    this.pending.splice(at, 1);
    this.changed();
  }

  /** Sends what waits, one at a time so that the order holds. */
  private async flush(): Promise<void> {
    if (this.sending) return;
    this.sending = true;
    try {
      for (;;) {
        const next = this.pending.find((p) => !p.acknowledged && !p.refused);
        if (!next || this.state !== "connected") return;
        try {
          await this.rpc("chat.send", { chat: next.chat, id: next.id, text: next.text, kind: next.kind });
          this.backoff = 0;
          next.acknowledged = true;
        } catch (error) {
          if (!temporary(error)) {
            next.refused = (error as { message?: string }).message || "refused";
          } else if (this.state === "connected") {
            await pause(Math.min(300 * 2 ** this.backoff++, 3000)); // then the same message, with the same id
          }
        }
        this.changed();
      }
    } finally {
      this.sending = false;
    }
  }

  private become(state: LinkState): void {
    if (this.state === state) return;
    this.state = state;
    this.listeners.state(state);
  }

  private changed(): void {
    sessionStorage.setItem(this.memory, JSON.stringify(this.pending.filter((p) => !p.acknowledged)));
    this.listeners.pending();
  }
}

/** Tells whether a call may succeed later: temporary by its code, timed out (1) or cut off (2, 3). */
function temporary(error: unknown): boolean {
  const code = (error as { code?: number }).code ?? 0;
  return code < 100 || temporaryCodes.includes(code);
}

function recall(memory: string): Pending[] {
  try {
    return JSON.parse(sessionStorage.getItem(memory) ?? "[]") as Pending[];
  } catch {
    return [];
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
