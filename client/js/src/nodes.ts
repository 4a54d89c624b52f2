// Which nodes are known and which is asked next. Nothing here waits or speaks to
// anybody.

/** How many addresses are remembered; those that the page has given always are. */
export const mostNodes = 16;

/**
 * The address of a node, such as https://chat.example, of any address at it:
 * without the path of a connection or a question, and for HTTP. Undefined if it
 * is none.
 */
export function nodeOf(address: string): string | undefined {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    return undefined;
  }
  const protocol = url.protocol.replace(/^ws/, "http");
  if (protocol !== "http:" && protocol !== "https:") return undefined;
  const path = url.pathname.replace(/\/(connection\/[a-z_]+|v1\/connect)?$/, "");
  return `${protocol}//${url.host}${path}`;
}

/** The same addresses, each once, those that are none left out. */
export function nodesOf(addresses: readonly string[]): string[] {
  return [...new Set(addresses.map(nodeOf).filter((node) => node !== undefined))];
}

export class Nodes {
  readonly #given: ReadonlySet<string>;
  #known: string[];
  /** Where the client was let in the last time. */
  #good: string | undefined;
  /** What has just failed. */
  #lost: string | undefined;

  /** stored is what all() was once, so its first is the last good one. */
  constructor(given: readonly string[], stored: readonly string[] = []) {
    this.#given = new Set(given);
    const remembered = nodesOf(stored);
    this.#good = remembered[0];
    this.#known = this.#bounded([...remembered, ...given]);
  }

  /** Every address that is known, the last good one first. */
  all(): string[] {
    return [...this.#known];
  }

  learn(nodes: readonly string[]): void {
    const first = this.#good === undefined ? [] : [this.#good];
    this.#known = this.#bounded([...first, ...nodes, ...this.#known]);
  }

  good(node: string): void {
    this.#good = node;
    this.#lost = undefined;
    this.#known = this.#bounded([node, ...this.#known]);
  }

  lost(node: string): void {
    this.#lost = node;
  }

  /** Everybody once: the last good one first, what has just failed last, the others at random. */
  round(random: () => number = Math.random): string[] {
    const order = this.#known.map((node) => ({ node, key: node === this.#lost ? 2 : node === this.#good ? -1 : random() }));
    return order.sort((a, b) => a.key - b.key).map(({ node }) => node);
  }

  /** The same addresses, with what has just failed at the end: the cell may not know of it yet. */
  soundFirst(nodes: readonly string[]): string[] {
    return [...nodes].sort((a, b) => Number(a === this.#lost) - Number(b === this.#lost));
  }

  /** Each once; beyond the bound the last ones are forgotten that the page has not given. */
  #bounded(nodes: readonly string[]): string[] {
    const all = [...new Set(nodes)];
    const learned = all.filter((node) => !this.#given.has(node));
    const forgotten = new Set(learned.slice(Math.max(0, mostNodes - this.#given.size)));
    return all.filter((node) => !forgotten.has(node));
  }
}
