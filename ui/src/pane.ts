// What both panes have: a heading with the state of the connection, a banner
// while it is lost, and a place for what went wrong.

import { fill, h } from "./dom";
import type { LinkState } from "./link";

const words: Record<LinkState, string> = {
  connecting: "Connecting",
  connected: "Connected",
  lost: "Reconnecting",
  ended: "Not connected",
};

export class Pane {
  readonly tools = h("div", { class: "tools" });
  readonly body = h("div", { class: "body" });

  private readonly light = h("span", { class: "light", attrs: { role: "status" } });
  private readonly banner = h("p", { class: "banner", attrs: { role: "status", hidden: true } },
    "The connection is lost. Your messages are kept, and sent when it is back.");
  private readonly trouble = h("p", { class: "trouble", attrs: { role: "alert", hidden: true } });

  constructor(root: HTMLElement, title: string) {
    fill(root,
      h("header", { class: "pane-head" }, h("h2", {}, title), this.light, this.tools),
      this.banner, this.trouble, this.body);
  }

  /** Shows the connection; undefined while there is none. */
  connection(state: LinkState | undefined): void {
    this.light.className = `light ${state ?? "none"}`;
    fill(this.light, state ? words[state] : "");
    this.banner.hidden = state !== "lost";
  }

  /** Says what went wrong, until the next thing goes right. */
  say(text: string): void {
    fill(this.trouble, text);
    this.trouble.hidden = text === "";
  }
}
