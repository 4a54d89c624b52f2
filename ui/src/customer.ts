// The customer's side: ask for a chat, talk, end it, judge it.

import { ChatView } from "./chatview";
import { button, field, fill, h } from "./dom";
import { call, sentence } from "./http";
import { Link } from "./link";
import { Pane } from "./pane";
import type { Chat, VisitorPublication, VisitorState } from "./protocol";
import { ChatStream } from "./stream";

const tokenKey = "evenkeel.visitor";
const outboxKey = "evenkeel.outbox.customer";

const endings: Record<string, string> = {
  by_customer: "You ended this chat.",
  by_agent: "The agent ended this chat.",
  abandoned: "This chat ended because you left.",
  customer_gone: "This chat ended because you left.",
  idle: "This chat ended because nobody wrote for a while.",
  agent_lost: "This chat ended because the agent was gone.",
};

export class CustomerPane {
  private readonly pane: Pane;
  private readonly line = h("p", { class: "line", attrs: { role: "status" } });
  private readonly ending = h("div", { class: "ending" });
  private link: Link | undefined;
  private stream: ChatStream | undefined;
  private view: ChatView | undefined;
  private token = "";
  private place = "";
  private readonly end = button("End chat", () => this.command("chat.close"), "quiet");

  constructor(root: HTMLElement) {
    this.pane = new Pane(root, "Customer");
    this.pane.connection(undefined);
  }

  /** Comes back as the visitor of before, or shows the form. */
  open(): void {
    const token = localStorage.getItem(tokenKey);
    this.showForm();
    if (token) this.connect(token);
  }

  private connect(token: string): Link {
    this.token = token;
    const link = new Link(token, outboxKey, {
      state: (state) => {
        this.pane.connection(state);
        if (state === "ended" && this.link === link) {
          this.beSomebodyElse();
          this.pane.say("This server does not know you any more. You can start a new chat.");
        }
      },
      fresh: () => void this.resume(link),
      push: (_, data) => this.pushed(data as VisitorPublication),
      pending: () => this.render(),
    });
    this.link = link;
    link.connect();
    return link;
  }

  /** Fetches what the visitor has, after each connection. */
  private async resume(link: Link): Promise<void> {
    try {
      const state = await link.rpc<VisitorState>("visitor.state");
      const live = state.chats.find((c) => c.state !== "closed" && c.state !== "wrapping");
      if (live && this.stream?.chat.id !== live.id) this.show(live);
    } catch (error) {
      if (link.state === "connected") this.pane.say(sentence(error));
    }
  }

  private pushed(data: VisitorPublication): void {
    if (data.type !== "position" || data.chat !== this.stream?.chat.id) return;
    this.place = data.more ? `More than ${data.position} are before you.` : `You are number ${data.position} in the queue.`;
    this.render();
  }

  private showForm(): void {
    const name = h("input", { attrs: { type: "text", maxlength: 100, autocomplete: "name", placeholder: "Optional" } });
    const message = h("textarea", { attrs: { rows: 3, maxlength: 10000 } });
    message.value = "Hello! Is somebody there?";
    const start = h("button", { class: "primary", attrs: { type: "submit" } }, "Start chat");
    const form = h("form", {
      class: "card start",
      on: {
        submit: (event) => {
          event.preventDefault();
          start.disabled = true;
          void this.start(name.value.trim(), message.value.trim()).finally(() => (start.disabled = false));
        },
      },
    },
    h("h3", {}, "Talk to us"),
    h("p", { class: "hint" }, "This is what a visitor of your site sees. No account is needed."),
    field("Your name", name), field("Message", message), start);
    fill(this.pane.tools);
    fill(this.pane.body, form);
  }

  private async start(name: string, message: string): Promise<void> {
    try {
      if (!this.link) {
        const { token } = await call<{ token: string }>("POST", "/v1/visitors", undefined, {});
        localStorage.setItem(tokenKey, token);
        this.connect(token);
      }
      const { chat } = await this.link!.command<{ chat: Chat }>("chat.start", {
        ...(message ? { message } : {}),
        ...(name ? { name } : {}),
      });
      this.pane.say("");
      if (this.stream?.chat.id !== chat.id) this.show(chat);
      this.view?.focus();
    } catch (error) {
      this.pane.say(sentence(error));
    }
  }

  private show(chat: Chat): void {
    this.stream?.stop();
    this.place = "";
    this.stream = new ChatStream(this.link!, this.token, chat, "customer", () => this.render());
    this.view = new ChatView(this.stream);
    fill(this.ending);
    fill(this.pane.tools, this.end);
    fill(this.pane.body, this.line, this.view.element, this.ending);
    this.stream.start();
    this.render();
  }

  private render(): void {
    if (!this.stream || !this.view) return;
    const chat = this.stream.chat;
    fill(this.line, this.sentenceFor(chat));
    this.line.dataset["state"] = chat.state;
    this.end.hidden = this.stream.over;
    this.view.render();
    if (this.stream.over && this.ending.childElementCount === 0) this.showEnding();
  }

  private sentenceFor(chat: Chat): string {
    switch (chat.state) {
      case "queued":
        return `You are waiting for an agent. ${this.place}`;
      case "offered":
        return "An agent is being asked.";
      case "active":
        return `You are talking to ${chat.agent?.name || "an agent"}.`;
      default:
        return endings[chat.reason ?? ""] ?? "This chat is over.";
    }
  }

  private showEnding(): void {
    const comment = h("input", { attrs: { type: "text", maxlength: 1000, placeholder: "Optional" } });
    const stars = [1, 2, 3, 4, 5].map((score) => {
      const star = h("button", { class: "star", attrs: { type: "button", "aria-label": `${score} of 5` } }, String(score));
      star.addEventListener("click", () => void this.rate(score, comment.value.trim()));
      return star;
    });
    fill(this.ending,
      h("div", { class: "rating", attrs: { role: "group", "aria-label": "Rate this chat" } },
        h("h3", {}, "How was it?"),
        field("A word about it", comment),
        h("div", { class: "stars" }, h("span", {}, "Poor"), ...stars, h("span", {}, "Very good"))),
      this.again());
  }

  private again(): HTMLElement {
    return h("div", { class: "again" },
      button("Start another chat", () => {
        this.leaveChat();
        this.showForm();
      }, "primary"),
      button("Be somebody else", () => this.beSomebodyElse(), "quiet"));
  }

  private async rate(score: number, comment: string): Promise<void> {
    try {
      await this.link!.command("chat.rate", { chat: this.stream!.chat.id, score, ...(comment ? { comment } : {}) });
      this.pane.say("");
      fill(this.ending, h("p", { class: "thanks", attrs: { role: "status" } }, `Thank you. You gave ${score} of 5.`), this.again());
    } catch (error) {
      this.pane.say(sentence(error));
    }
  }

  private async command(method: string): Promise<void> {
    try {
      await this.link!.command(method, { chat: this.stream!.chat.id });
      this.pane.say("");
    } catch (error) {
      this.pane.say(sentence(error));
    }
  }

  private leaveChat(): void {
    this.stream?.stop();
    this.stream = undefined;
    this.view = undefined;
  }

  /** Forgets the visitor: the next chat is a stranger's. */
  private beSomebodyElse(): void {
    this.leaveChat();
    const link = this.link;
    this.link = undefined;
    link?.close();
    localStorage.removeItem(tokenKey);
    this.pane.connection(undefined);
    this.showForm();
  }
}
