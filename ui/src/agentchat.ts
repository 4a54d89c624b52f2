// One chat in the agent's pane: the talk, and what an agent may do with it.

import { ChatView } from "./chatview";
import { button, field, fill, h } from "./dom";
import { call, sentence } from "./http";
import type { Link } from "./link";
import type { Chat } from "./protocol";
import { ChatStream } from "./stream";

interface Listeners {
  changed(): void;
  failed(text: string): void;
}

interface Named {
  id: string;
  name: string;
}

export class AgentChat {
  readonly element: HTMLElement;
  readonly stream: ChatStream;

  private readonly view: ChatView;
  private readonly head = h("div", { class: "chat-head" });
  private readonly panel = h("div", { class: "panel", attrs: { hidden: true } });
  private wrapping = false;
  private shown = "";

  constructor(private readonly link: Link, private readonly token: string, chat: Chat, private readonly listeners: Listeners) {
    this.stream = new ChatStream(link, token, chat, "agent", () => {
      this.render();
      listeners.changed();
    });
    this.view = new ChatView(this.stream);
    this.element = h("div", { class: "agent-chat", attrs: { role: "tabpanel" } }, this.head, this.panel, this.view.element);
    this.stream.start();
  }

  get partner(): string {
    return this.stream.partner;
  }

  get unread(): number {
    return this.stream.unread;
  }

  stop(): void {
    this.stream.stop();
  }

  /** Says whether the agent has this chat before his eyes. */
  show(visible: boolean): void {
    this.stream.visible = visible;
    if (visible) this.stream.mark();
  }

  render(): void {
    this.view.render();
    if (this.stream.over !== this.wrapping) {
      this.wrapping = this.stream.over;
      this.wrapping ? this.showWrapup() : this.closePanel();
    }
    const chat = this.stream.chat;
    const hint = this.stream.over ? "The talk is over." : chat.customer_gone ? "The customer is not connected." : `From the queue ${chat.queue}`;
    if (hint === this.shown) return;
    this.shown = hint;
    fill(this.head,
      h("span", { class: "hint", attrs: { role: "status" } }, hint),
      !this.stream.over && button("Transfer", () => this.showTransfer(), "quiet"),
      !this.stream.over && button("Close chat", async () => void (await this.command("chat.close")), "quiet"));
  }

  private closePanel(): void {
    this.panel.hidden = true;
    fill(this.panel);
  }

  private async showTransfer(): Promise<void> {
    const target = h("select");
    const note = h("input", { attrs: { type: "text", maxlength: 10000, placeholder: "Optional; the customer cannot see it" } });
    try {
      const queues = await call<{ items: Named[] }>("GET", "/v1/queues?limit=200", this.token);
      const agents = await call<{ items: Named[] }>("GET", "/v1/agents?limit=200", this.token);
      const group = (label: string, kind: string, items: Named[]) =>
        h("optgroup", { attrs: { label } }, ...items.map((i) => h("option", { attrs: { value: `${kind}:${i.id}` } }, i.name || i.id)));
      fill(target, group("Queues", "queue", queues.items), group("Agents", "agent", agents.items.filter((a) => a.id !== this.stream.chat.agent?.id)));
    } catch (error) {
      this.listeners.failed(sentence(error));
      return;
    }
    const go = async () => {
      const [kind, id] = target.value.split(/:(.*)/s) as [string, string];
      if (await this.command("chat.transfer", { [kind]: id, ...(note.value.trim() ? { note: note.value.trim() } : {}) })) this.closePanel();
    };
    fill(this.panel,
      h("h3", {}, "Transfer this chat"),
      field("To", target), field("Note", note),
      h("div", { class: "row" }, button("Transfer chat", go, "primary"), button("Cancel", () => this.closePanel(), "quiet")));
    this.panel.hidden = false;
    target.focus();
  }

  private showWrapup(): void {
    const notes = h("textarea", { attrs: { rows: 2, maxlength: 10000 } });
    const tags = h("input", { attrs: { type: "text", placeholder: "order, refund" } });
    tags.value = (this.stream.chat.tags ?? []).join(", ");
    const done = async () => {
      const list = tags.value.split(",").map((t) => t.trim()).filter((t) => t !== "");
      await this.command("chat.wrapup", { ...(notes.value.trim() ? { notes: notes.value.trim() } : {}), tags: list, done: true });
    };
    fill(this.panel,
      h("h3", {}, "Wrap up"),
      h("p", { class: "hint" }, "To the customer this chat is closed. Your slot is free when you are done."),
      field("Notes", notes), field("Tags, with commas between", tags),
      h("div", { class: "row" }, button("Done", done, "primary")));
    this.panel.hidden = false;
  }

  /** Runs a command on this chat. Returns whether it was done. */
  private async command(method: string, params: object = {}): Promise<boolean> {
    try {
      await this.link.command(method, { chat: this.stream.chat.id, ...params });
      this.listeners.failed("");
      return true;
    } catch (error) {
      this.listeners.failed(sentence(error));
      return false;
    }
  }
}
