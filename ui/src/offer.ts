// A chat that is offered: who, what about, and how long there is to decide.

import { button, h } from "./dom";
import type { Offer } from "./protocol";

export class OfferCard {
  readonly element: HTMLElement;

  private readonly bar: HTMLProgressElement;
  private readonly left = h("span", { class: "left", attrs: { role: "timer", "aria-live": "off" } });
  private readonly ends: number;
  private readonly timer: number;

  constructor(offer: Offer, answer: (method: string) => Promise<void>) {
    // The deadline is the server's; its own time beside it makes the reader's clock unimportant.
    const now = offer.server_time ? Date.parse(offer.server_time) : Date.now();
    const total = Math.max(Date.parse(offer.deadline) - now, 1000);
    this.ends = performance.now() + total;
    this.bar = h("progress", { attrs: { max: total, "aria-hidden": "true" } });
    const preview = offer.preview || offer.chat.last_message?.text || offer.chat.subject || "No message yet.";
    this.element = h("article", { class: "card offer", attrs: { "aria-label": "Offer" } },
      h("header", {}, h("h3", {}, "A customer asks for a chat"), this.left),
      h("p", { class: "preview", attrs: { dir: "auto" } }, preview),
      this.bar,
      h("div", { class: "row" },
        button("Accept", () => answer("chat.accept"), "primary"),
        button("Decline", () => answer("chat.decline"), "quiet"),
        h("span", { class: "hint" }, `Queue: ${offer.chat.queue}`)));
    this.timer = window.setInterval(() => this.tick(), 200);
    this.tick();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private tick(): void {
    const left = Math.max(this.ends - performance.now(), 0);
    this.bar.value = left;
    this.left.textContent = `${Math.ceil(left / 1000)} s`;
  }
}
