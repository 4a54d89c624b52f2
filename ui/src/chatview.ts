// A chat on the screen: the talk, who is typing, and the place to write.

import { clock, fill, h, reconcile } from "./dom";
import { sentence } from "./http";
import type { Pending } from "./link";
import type { Message, Note } from "./protocol";
import type { ChatStream } from "./stream";

const typingPause = 3000; // ms between two signs of typing

export class ChatView {
  readonly element: HTMLElement;

  private readonly list = h("div", { class: "talk", attrs: { role: "log", "aria-label": "Messages", tabindex: 0 } });
  private readonly typingLine = h("p", { class: "typing", attrs: { "aria-live": "polite" } });
  private readonly input = h("textarea", { attrs: { rows: 1, maxlength: 10000, placeholder: "Write a message" } });
  private readonly noteSwitch = h("input", { attrs: { type: "checkbox" } });
  private readonly composer: HTMLFormElement;
  private readonly rows = new Map<string, HTMLElement>();
  private lastTyping = 0;
  /** The reader is at the end of the talk, and stays there as it grows. */
  private atEnd = true;

  constructor(private readonly stream: ChatStream) {
    const staff = stream.side === "agent";
    this.input.setAttribute("aria-label", staff ? "Message to the customer" : "Message to the agent");
    this.input.value = sessionStorage.getItem(this.draftKey) ?? "";
    this.input.addEventListener("input", () => this.typed());
    this.input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.send();
    });
    this.noteSwitch.addEventListener("change", () => this.showMode());
    this.composer = h("form", {
      class: "composer",
      on: {
        submit: (event) => {
          event.preventDefault();
          this.send();
        },
      },
    },
    this.input,
    h("div", { class: "composer-side" },
      staff && h("label", { class: "switch" }, this.noteSwitch, "Note"),
      h("button", { class: "primary", attrs: { type: "submit" } }, "Send")));
    this.element = h("div", { class: "chat" }, this.list, this.typingLine, this.composer);
    this.list.addEventListener("scroll", () => {
      this.atEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 60;
    });
    new ResizeObserver(() => this.atEnd && this.toEnd()).observe(this.list);
    this.render();
  }

  focus(): void {
    this.input.focus({ preventScroll: true });
  }

  /** Brings the screen in line with the stream, touching only what changed. */
  render(): void {
    reconcile(this.list, this.wantedRows());
    if (this.atEnd) this.toEnd();

    const typing = this.stream.over ? undefined : this.stream.typing;
    fill(this.typingLine, typing && `${typing.name || this.stream.partner} is typing${typing.preview ? `: ${typing.preview}` : " …"}`);
    this.composer.hidden = this.stream.over;
  }

  private wantedRows(): HTMLElement[] {
    const rows: HTMLElement[] = [];
    const notes = [...this.stream.notes];
    const notesUpTo = (number: number) => {
      while (notes.length > 0 && notes[0]!.after <= number) rows.push(this.noteRow(notes.shift()!));
    };
    notesUpTo(0);
    for (const message of this.stream.messages) {
      rows.push(this.messageRow(message));
      notesUpTo(message.number);
    }
    notesUpTo(Infinity);
    for (const pending of this.stream.link.pending) {
      if (pending.chat === this.stream.chat.id) rows.push(this.pendingRow(pending));
    }
    return rows;
  }

  private row(key: string, make: () => HTMLElement): HTMLElement {
    let row = this.rows.get(key);
    if (!row) {
      row = make();
      this.rows.set(key, row);
    }
    return row;
  }

  private messageRow(m: Message): HTMLElement {
    if (m.kind === "system") return this.row(`m${m.number}`, () => h("p", { class: "system" }, m.text));
    const own = (m.author.kind === "customer") === (this.stream.side === "customer");
    const row = this.row(`m${m.number}`, () =>
      h("div", { class: own ? "message own" : "message" },
        h("p", { class: "bubble", attrs: { dir: "auto" } }, m.text),
        h("p", { class: "meta" }, own ? clock(m.time) : `${m.author.name || this.stream.partner}, ${clock(m.time)}`, own && h("span", { class: "tick" }))));
    if (own) this.tick(row, m.number);
    return row;
  }

  /** Marks one of the reader's own messages with how far it came. */
  private tick(row: HTMLElement, number: number): void {
    const other = this.stream.side === "customer" ? "agent" : "customer";
    const { seen, delivered } = this.stream.chat;
    const [mark, word] = seen[other] >= number ? ["✓✓", "Seen"] : delivered[other] >= number ? ["✓✓", "Delivered"] : ["✓", "Sent"];
    const tick = row.querySelector(".tick");
    if (!tick || tick.getAttribute("title") === word) return;
    tick.setAttribute("title", word);
    tick.className = `tick ${word.toLowerCase()}`;
    fill(tick, h("span", { attrs: { "aria-hidden": "true" } }, mark), ` ${word}`);
  }

  private noteRow(n: Note): HTMLElement {
    return this.row(`n${n.note}`, () =>
      h("div", { class: "note", attrs: { role: "note" } },
        h("p", { class: "note-label" }, `Note by ${n.author.name || n.author.id}, ${clock(n.time)}. The customer cannot see this.`),
        h("p", { class: "note-text", attrs: { dir: "auto" } }, n.text)));
  }

  private pendingRow(p: Pending): HTMLElement {
    const row = this.row(`p${p.id}`, () =>
      h("div", { class: p.kind === "note" ? "note pending" : "message own pending" },
        h("p", { class: p.kind === "note" ? "note-text" : "bubble", attrs: { dir: "auto" } }, p.text),
        h("p", { class: "meta" })));
    const meta = row.querySelector(".meta")!;
    if (p.refused) {
      row.classList.add("refused");
      const drop = h("button", { class: "link", attrs: { type: "button" }, on: { click: () => this.giveBack(p) } }, "Take it back");
      fill(meta, `Not sent: ${sentence(p.refused)} `, drop);
    } else {
      fill(meta, p.acknowledged ? "✓ Sent" : "Waiting to be sent");
    }
    return row;
  }

  /** Puts a refused message back where it was written. */
  private giveBack(p: Pending): void {
    this.input.value = this.input.value ? `${p.text}\n${this.input.value}` : p.text;
    this.stream.link.settle(p.id);
    this.focus();
  }

  private send(): void {
    const text = this.input.value.trim();
    if (!text) return;
    this.stream.link.send(this.stream.chat.id, text, this.noteSwitch.checked ? "note" : "text");
    this.input.value = "";
    sessionStorage.removeItem(this.draftKey);
    this.grow();
    this.toEnd();
  }

  private toEnd(): void {
    this.list.scrollTop = this.list.scrollHeight;
  }

  private typed(): void {
    sessionStorage.setItem(this.draftKey, this.input.value);
    this.grow();
    const now = Date.now();
    if (this.noteSwitch.checked || !this.input.value || now - this.lastTyping < typingPause || this.stream.link.state !== "connected") return;
    this.lastTyping = now;
    this.stream.link.rpc("chat.typing", { chat: this.stream.chat.id }).catch(() => {
      // Nobody misses a sign of typing.
    });
  }

  private showMode(): void {
    const note = this.noteSwitch.checked;
    this.composer.classList.toggle("noting", note);
    this.input.placeholder = note ? "Write a note; the customer cannot see it" : "Write a message";
    this.focus();
  }

  private grow(): void {
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(this.input.scrollHeight, 140)}px`;
  }

  private get draftKey(): string {
    return `evenkeel.draft.${this.stream.side}.${this.stream.chat.id}`;
  }
}
