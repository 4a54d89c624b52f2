// Elements are made here and nowhere else. A string becomes a text node,
// always: what people write can never become markup.

type Child = Node | string | null | undefined | false;

interface Props {
  class?: string;
  attrs?: Record<string, string | number | boolean | undefined>;
  on?: { [E in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[E]) => void };
}

/** Makes an element. Attributes of value true are set empty, of false left out. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  if (props.class) node.className = props.class;
  for (const [name, value] of Object.entries(props.attrs ?? {})) {
    if (value === undefined || value === false) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const [name, listener] of Object.entries(props.on ?? {})) {
    node.addEventListener(name, listener as EventListener);
  }
  fill(node, ...children);
  return node;
}

/** Replaces the children of an element. */
export function fill(node: Element, ...children: Child[]): void {
  node.replaceChildren(...children.filter((c): c is Node | string => c !== null && c !== undefined && c !== false));
}

/** Makes these the children, without touching those that stay in place. */
export function reconcile(node: Element, wanted: readonly Element[]): void {
  wanted.forEach((child, i) => {
    const there = node.children[i];
    if (there !== child) node.insertBefore(child, there ?? null);
  });
  while (node.children.length > wanted.length) node.lastElementChild?.remove();
}

/** A button that does one thing; while an asynchronous action runs it is disabled. */
export function button(label: string, action: () => void | Promise<void>, look = ""): HTMLButtonElement {
  const node = h("button", {
    class: look,
    attrs: { type: "button" },
    on: {
      click: () => {
        const running = action();
        if (!running) return;
        node.disabled = true;
        void running.finally(() => (node.disabled = false));
      },
    },
  }, label);
  return node;
}

/** A labelled input; the label is a real one. */
export function field(label: string, input: HTMLElement): HTMLLabelElement {
  return h("label", { class: "field" }, h("span", {}, label), input);
}

/** Hours and minutes, as the reader's own system writes them. */
export function clock(time: string): string {
  return new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}
