// One chat as it unfolds: its messages, notes and state, kept up to date from
// its channels, and the marks of what arrived here and was seen.

import type { Subscription } from "centrifuge";

import { call } from "./http";
import type { Link } from "./link";
import type { Chat, ChatPublication, Message, Note, Side } from "./protocol";

const typingLife = 6000; // ms that a sign of typing is good for

export class ChatStream {
  readonly messages: Message[] = [];
  readonly notes: Note[] = [];
  /** Who is typing on the other side; undefined for nobody. */
  typing: { name: string; preview: string } | undefined;
  /** The reader has this chat before his eyes. */
  visible = true;

  private readonly channels: string[];
  private typingTimer = 0;
  private changeTimer = false;
  private markTimer = 0;
  private reported = { delivered: 0, seen: 0 };

  constructor(
    readonly link: Link,
    private readonly token: string,
    public chat: Chat,
    readonly side: Side,
    private readonly onChange: () => void,
  ) {
    this.channels = side === "agent" ? [`chat:${chat.id}`, `staff:${chat.id}`] : [`chat:${chat.id}`];
  }

  start(): void {
    for (const channel of this.channels) {
      const sub = this.link.follow(channel);
      sub.on("publication", (ctx) => this.apply(ctx.data as ChatPublication));
      sub.on("subscribed", (ctx) => {
        if (ctx.wasRecovering && !ctx.recovered) void this.refetch(sub);
      });
      sub.subscribe();
    }
    document.addEventListener("visibilitychange", this.mark);
  }

  stop(): void {
    for (const channel of this.channels) this.link.forget(channel);
    clearTimeout(this.typingTimer);
    clearTimeout(this.markTimer);
    document.removeEventListener("visibilitychange", this.mark);
  }

  get over(): boolean {
    return this.chat.state === "closed" || this.chat.state === "wrapping";
  }

  /** How the other side is called. */
  get partner(): string {
    if (this.side === "customer") return this.chat.agent?.name || "Agent";
    const named = this.messages.find((m) => m.author.kind === "customer" && m.author.name);
    return named?.author.name || `Visitor ${this.chat.customer.slice(-4)}`;
  }

  /** Messages of the other side that the reader has not seen. */
  get unread(): number {
    const seen = Math.max(this.chat.seen[this.side], this.reported.seen);
    return this.messages.filter((m) => m.number > seen && this.isTheirs(m)).length;
  }

  private isTheirs(m: Message): boolean {
    return m.kind !== "system" && (m.author.kind === "customer") !== (this.side === "customer");
  }

  private apply(pub: ChatPublication): void {
    switch (pub.type) {
      case "message":
        insert(this.messages, pub.message, (m) => m.number);
        this.link.settle(pub.message.id);
        if (this.isTheirs(pub.message)) this.typing = undefined;
        this.mark();
        break;
      case "note":
        insert(this.notes, pub.note, (n) => n.note);
        this.link.settle(pub.note.id);
        break;
      case "state": // the customer's view of the chat
        if (this.side === "customer") this.chat = pub.chat;
        break;
      case "details":
        this.chat = pub.chat;
        break;
      case "delivered":
      case "seen":
        this.chat[pub.type][pub.side] = Math.max(this.chat[pub.type][pub.side], pub.number);
        break;
      case "typing":
        if ((pub.author.kind === "customer") === (this.side === "customer")) return; // an echo of one's own
        this.typing = { name: pub.author.name, preview: pub.preview ?? "" };
        clearTimeout(this.typingTimer);
        this.typingTimer = window.setTimeout(() => {
          this.typing = undefined;
          this.changed();
        }, typingLife);
        break;
    }
    this.changed();
  }

  /** The history was too long or is gone: read the transcript instead. */
  private async refetch(sub: Subscription): Promise<void> {
    try {
      this.chat = await call<Chat>("GET", `/v1/chats/${this.chat.id}`, this.token);
      let cursor = "";
      do {
        const path = `/v1/chats/${this.chat.id}/messages?limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
        const page = await call<{ items: (Message | Note)[]; next: string | null }>("GET", path, this.token);
        for (const item of page.items) {
          if ("note" in item) insert(this.notes, item, (n) => n.note);
          else insert(this.messages, item, (m) => m.number);
          this.link.settle(item.id);
        }
        cursor = page.next ?? "";
      } while (cursor);
      this.changed();
    } catch {
      window.setTimeout(() => {
        if (sub.state === "subscribed") void this.refetch(sub); // it could not be read at this moment: once more
      }, 2000);
    }
  }

  /** Tells the other side what arrived here and what was seen, a moment later and in one go. */
  readonly mark = (): void => {
    if (this.markTimer) return;
    this.markTimer = window.setTimeout(() => {
      this.markTimer = 0;
      void this.report();
    }, 150);
  };

  private async report(): Promise<void> {
    const last = this.messages.findLast((m) => this.isTheirs(m))?.number ?? 0;
    const eyes = this.visible && document.visibilityState === "visible";
    try {
      if (last > Math.max(this.reported.delivered, this.chat.delivered[this.side])) {
        await this.link.rpc("chat.delivered", { chat: this.chat.id, number: last });
        this.reported.delivered = last;
      }
      if (eyes && last > Math.max(this.reported.seen, this.chat.seen[this.side])) {
        await this.link.rpc("chat.seen", { chat: this.chat.id, number: last });
        this.reported.seen = last;
      }
    } catch {
      return; // a mark lost with its connection is made again after the next message
    }
    this.changed();
  }

  /** Tells the view once for all that came together. */
  private changed(): void {
    if (this.changeTimer) return;
    this.changeTimer = true;
    queueMicrotask(() => {
      this.changeTimer = false;
      this.onChange();
    });
  }
}

/** Puts an item in its place, once. */
function insert<T>(list: T[], item: T, order: (item: T) => number): void {
  let at = list.length;
  while (at > 0 && order(list[at - 1]!) > order(item)) at--;
  if (at > 0 && order(list[at - 1]!) === order(item)) return;
  list.splice(at, 0, item);
}
