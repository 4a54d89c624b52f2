// The list of nodes for the next start. It is a convenience: a store that is full,
// forbidden or was written by somebody else must never keep a client from connecting.

import { mostNodes } from "./nodes.js";

/** What is used of localStorage. */
export interface Store {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

/** The page's localStorage, if there is one and it may be used. */
export function pageStore(): Store | null {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null; // a page may be forbidden to look at it
  }
}

export class Memory {
  readonly #key: string;

  /** Lists are kept apart by the first address that the page has given. */
  constructor(
    readonly store: Store | null,
    first: string,
  ) {
    this.#key = `evenkeel.nodes:${first}`;
  }

  read(): string[] {
    try {
      const list: unknown = JSON.parse(this.store?.getItem(this.#key) ?? "[]");
      if (!Array.isArray(list)) return [];
      return list.filter((address) => typeof address === "string").slice(0, mostNodes);
    } catch {
      return [];
    }
  }

  write(nodes: readonly string[]): void {
    try {
      this.store?.setItem(this.#key, JSON.stringify(nodes.slice(0, mostNodes)));
    } catch {
      // The next start knows what the page gives, as the first one did.
    }
  }
}
