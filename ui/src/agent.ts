// The agent's side: sign in, be there, take offers, talk in several chats.

import { AgentChat } from "./agentchat";
import { button, field, fill, h, reconcile } from "./dom";
import { call, sentence } from "./http";
import { Link } from "./link";
import { OfferCard } from "./offer";
import { Pane } from "./pane";
import type { AgentPublication, AgentState, Chat, Login, Offer, Status } from "./protocol";

const loginKey = "evenkeel.login";
const outboxKey = "evenkeel.outbox.agent";

interface Signed {
  token: string;
  id: string;
  name: string;
  /** The password is the one-time one that the server printed. */
  mustChange?: boolean;
}

export class AgentPane {
  private readonly pane: Pane;
  private readonly offersBox = h("div", { class: "offers", attrs: { "aria-live": "assertive" } });
  private readonly tabs = h("div", { class: "tabs", attrs: { role: "tablist", "aria-label": "Chats" } });
  private readonly room = h("div", { class: "room" });
  private readonly notice = h("p", { class: "line", attrs: { role: "status", hidden: true } });

  private who: Signed | undefined;
  private link: Link | undefined;
  private status: Status = "offline";
  private reason = "";
  private observed = false;
  private readonly offers = new Map<string, OfferCard>();
  private readonly chats = new Map<string, AgentChat>();
  private readonly tabOf = new Map<string, HTMLButtonElement>();
  private readonly choices: [Status, HTMLButtonElement][] = [this.choice("online", "Online"), this.choice("away", "Away"), this.choice("offline", "Offline")];
  private current = "";
  /** Offset of the agent's channel up to which the fetched state has everything. */
  private upTo = 0;
  private early: { data: AgentPublication; offset: number }[] | undefined;

  constructor(root: HTMLElement) {
    this.pane = new Pane(root, "Agent");
    this.pane.connection(undefined);
  }

  /** Signs in by the first-run link, by what this tab remembers, or by the form. */
  async open(startToken: string): Promise<void> {
    if (startToken) {
      try {
        this.signedIn(await call<Login>("POST", "/v1/auth/login", undefined, { start: startToken }));
        return;
      } catch (error) {
        this.showForm();
        this.pane.say(`The link did not sign you in. ${sentence(error)} It works once, and for 15 minutes.`);
        return;
      }
    }
    const remembered = sessionStorage.getItem(loginKey);
    if (remembered) this.connect(JSON.parse(remembered) as Signed);
    else this.showForm();
  }

  private showForm(): void {
    const email = h("input", { attrs: { type: "email", autocomplete: "username", required: true } });
    const password = h("input", { attrs: { type: "password", autocomplete: "current-password", required: true } });
    const submit = h("button", { class: "primary", attrs: { type: "submit" } }, "Sign in");
    email.value = "admin@localhost";
    const form = h("form", {
      class: "card start",
      on: {
        submit: (event) => {
          event.preventDefault();
          submit.disabled = true;
          void this.signIn(email.value, password.value).finally(() => (submit.disabled = false));
        },
      },
    },
    h("h3", {}, "Sign in"),
    h("p", { class: "hint" }, "On its first start the server prints an address and a one-time password."),
    field("E-mail", email), field("Password", password), submit);
    fill(this.pane.tools);
    fill(this.pane.body, form);
  }

  private async signIn(email: string, password: string): Promise<void> {
    try {
      this.signedIn(await call<Login>("POST", "/v1/auth/login", undefined, { email, password }));
    } catch (error) {
      this.pane.say(sentence(error));
    }
  }

  private signedIn(login: Login): void {
    const who: Signed = { token: login.token, id: login.user.id, name: login.user.name || login.user.id, mustChange: login.must_change_password ?? false };
    sessionStorage.setItem(loginKey, JSON.stringify(who));
    this.pane.say("");
    this.connect(who);
  }

  /** Asks for a password in place of the one-time one. It can wait: nobody is kept from his first chat. */
  private showPassword(): void {
    const password = h("input", { attrs: { type: "password", autocomplete: "new-password", minlength: 8, required: true } });
    const form = h("form", {
      class: "card start",
      on: {
        submit: (event) => {
          event.preventDefault();
          void this.setPassword(password.value);
        },
      },
    },
    h("h3", {}, "Choose a password"),
    h("p", { class: "hint" }, "In place of the one-time password that the server printed. At least 8 characters."),
    h("input", { attrs: { type: "text", autocomplete: "username", value: this.who?.name, hidden: true } }),
    field("New password", password),
    h("div", { class: "row" },
      h("button", { class: "primary", attrs: { type: "submit" } }, "Save password"),
      button("Later", () => this.leaveForm(), "quiet")));
    fill(this.room, form);
    password.focus();
  }

  private leaveForm(): void {
    fill(this.room);
    this.render();
  }

  private async setPassword(password: string): Promise<void> {
    const who = this.who;
    if (!who) return;
    try {
      await call("POST", "/v1/auth/password", who.token, { new_password: password });
      who.mustChange = false;
      sessionStorage.setItem(loginKey, JSON.stringify(who));
      this.pane.say("");
      this.tell("Your password is changed.");
      this.leaveForm();
    } catch (error) {
      this.pane.say(sentence(error));
    }
  }

  private signOut(): void {
    const token = this.who?.token;
    this.forget();
    if (token) void call("POST", "/v1/auth/logout", token, {}).catch(() => undefined); // it ends by itself too
  }

  /** Leaves everything as it was before the login. */
  private forget(): void {
    const link = this.link;
    for (const chat of this.chats.values()) chat.stop();
    for (const offer of this.offers.values()) offer.stop();
    this.chats.clear();
    this.offers.clear();
    this.current = "";
    this.who = undefined;
    this.link = undefined;
    sessionStorage.removeItem(loginKey);
    link?.close();
    this.pane.connection(undefined);
    this.showForm();
  }

  private connect(who: Signed): void {
    this.who = who;
    this.early = [];
    const link = new Link(who.token, outboxKey, {
      state: (state) => {
        if (state === "lost") this.early = [];
        this.pane.connection(state);
        if (state === "ended" && this.link === link) {
          this.forget();
          this.pane.say("You were signed out. Please sign in again.");
        }
      },
      fresh: () => void this.refresh(link),
      push: (_, data, offset) => this.pushed(data as AgentPublication, offset),
      pending: () => this.chats.get(this.current)?.render(),
    });
    this.link = link;
    fill(this.pane.tools,
      h("div", { class: "statuses", attrs: { role: "group", "aria-label": "Your status" } }, ...this.choices.map(([, b]) => b)),
      button("Sign out", () => this.signOut(), "quiet"));
    fill(this.pane.body, this.offersBox, this.notice, this.tabs, this.room);
    link.connect();
    this.render();
  }

  /** Fetches the agent's own state after each connection; later news continue it. */
  private async refresh(link: Link): Promise<void> {
    try {
      const state = await link.rpc<AgentState>("agent.state");
      this.status = state.status;
      this.reason = state.reason ?? "";
      this.observed = state.connected;
      this.upTo = state.position.offset;
      for (const id of [...this.offers.keys()]) if (!state.offers.some((o) => o.offer === id)) this.endOffer(id);
      for (const id of [...this.chats.keys()]) if (!state.chats.some((c) => c.id === id)) this.removeChat(id);
      state.offers.forEach((o) => this.addOffer(o));
      state.chats.forEach((c) => this.addChat(c));
      const early = this.early ?? [];
      this.early = undefined;
      early.forEach((e) => this.pushed(e.data, e.offset));
      this.render();
    } catch (error) {
      if (link.state === "connected") this.pane.say(sentence(error));
    }
  }

  private pushed(data: AgentPublication, offset: number): void {
    if (this.early) {
      this.early.push({ data, offset });
      return;
    }
    if (offset && offset <= this.upTo) return;
    switch (data.type) {
      case "offer":
        this.addOffer(data);
        break;
      case "offer_end":
        this.endOffer(data.offer);
        if (data.reason === "timeout") this.tell("You missed an offer.");
        break;
      case "assigned":
        this.addChat(data.chat);
        this.select(data.chat.id);
        break;
      case "unassigned":
        this.unassigned(data.chat, data.reason);
        break;
      case "status":
        this.status = data.status;
        this.reason = data.reason ?? "";
        this.observed = data.connected;
        break;
    }
    this.render();
  }

  private addOffer(offer: Offer): void {
    if (this.offers.has(offer.offer)) return;
    const answer = async (method: string) => {
      try {
        await this.link!.command(method, { chat: offer.chat.id, offer: offer.offer });
        this.pane.say("");
      } catch (error) {
        this.pane.say(sentence(error));
      }
    };
    this.offers.set(offer.offer, new OfferCard(offer, answer));
  }

  private endOffer(id: string): void {
    this.offers.get(id)?.stop();
    this.offers.delete(id);
  }

  private addChat(chat: Chat): void {
    if (this.chats.has(chat.id) || !this.link || !this.who) return;
    const room = new AgentChat(this.link, this.who.token, chat, {
      changed: () => this.render(),
      failed: (text) => this.pane.say(text),
    });
    this.chats.set(chat.id, room);
    if (!this.current) this.select(chat.id);
  }

  private unassigned(id: string, reason: string): void {
    const name = this.chats.get(id)?.partner;
    this.removeChat(id);
    if (!name) return;
    const why: Record<string, string> = {
      transferred: "was transferred",
      taken_over: "was taken over by somebody else",
      agent_lost: "went back to the queue",
      closed: "is done",
      left: "goes on without you",
    };
    this.tell(`The chat with ${name} ${why[reason] ?? "is no longer yours"}.`);
  }

  private removeChat(id: string): void {
    this.chats.get(id)?.stop();
    this.chats.delete(id);
    if (this.current === id) this.select(this.chats.keys().next().value ?? "");
  }

  private select(id: string): void {
    this.current = id;
    for (const [key, chat] of this.chats) chat.show(key === id);
    const chat = this.chats.get(id);
    fill(this.room, chat?.element);
    if (chat) this.notice.hidden = true;
    chat?.render();
  }

  private tell(text: string): void {
    fill(this.notice, text);
    this.notice.hidden = text === "";
  }

  private async setStatus(status: Status): Promise<void> {
    try {
      await this.link!.command("agent.status", { status });
      this.pane.say("");
      this.status = status;
      this.reason = "";
      this.render();
    } catch (error) {
      this.pane.say(sentence(error));
    }
  }

  /** Brings the screen in line; what has the focus stays where it is. */
  private render(): void {
    if (!this.who || !this.link) return;
    for (const [status, choice] of this.choices) choice.setAttribute("aria-pressed", String(this.status === status));
    reconcile(this.offersBox, [...this.offers.values()].map((o) => o.element));
    for (const id of [...this.tabOf.keys()]) if (!this.chats.has(id)) this.tabOf.delete(id);
    reconcile(this.tabs, [...this.chats].map(([id, chat]) => this.tab(id, chat)));
    this.tabs.hidden = this.chats.size === 0;
    const chat = this.chats.get(this.current);
    if (chat) chat.render();
    else if (!this.room.querySelector("form")) fill(this.room, this.idle());
  }

  private choice(status: Status, label: string): [Status, HTMLButtonElement] {
    const node = h("button", {
      class: `status ${status}`,
      attrs: { type: "button", "aria-pressed": "false" },
      on: { click: () => void this.setStatus(status) },
    }, label);
    return [status, node];
  }

  private tab(id: string, chat: AgentChat): HTMLElement {
    let node = this.tabOf.get(id);
    if (!node) {
      node = h("button", {
        class: "tab",
        attrs: { type: "button", role: "tab" },
        on: {
          click: () => {
            this.select(id);
            this.render();
          },
        },
      });
      this.tabOf.set(id, node);
    }
    const unread = chat.unread;
    node.setAttribute("aria-selected", String(id === this.current));
    fill(node,
      chat.partner,
      chat.stream.over && h("span", { class: "chip" }, "wrap-up"),
      unread > 0 && h("span", { class: "badge", attrs: { "aria-label": `${unread} unread` } }, String(unread)));
    return node;
  }

  /** What the pane says while there is no chat. */
  private idle(): HTMLElement {
    if (this.link!.state === "connecting") return h("p", { class: "idle" }, "Connecting …");
    if (this.status !== "online") {
      const because = this.reason === "not_responding" ? " You were set away because offers went unanswered." : "";
      return h("div", { class: "idle" },
        h("p", {}, `You are signed in as ${this.who!.name} and ${this.status}.${because}`),
        h("p", {}, "Customers' chats come to you while you are online."),
        button("Go online", () => this.setStatus("online"), "primary"),
        this.passwordHint());
    }
    const waiting = this.offers.size > 0 ? "Somebody asks for you." : "No chats. The next customer who asks is offered to you.";
    return h("div", { class: "idle" },
      h("p", {}, waiting),
      !this.observed && this.link!.state === "connected" && h("p", {}, "The cell does not see your connection yet."),
      this.passwordHint());
  }

  private passwordHint(): HTMLElement | false {
    return this.who!.mustChange === true && h("p", { class: "hint" },
      "Your password is still the one that the server printed. ", button("Choose a password", () => this.showPassword(), "link"));
  }
}
