// Elements are made here and nowhere else: attributes and text only, so that no value is ever read as HTML.
export type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | null | undefined>;

/** Make an element. An attribute that is false, null or undefined is left out, one that is true is empty. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    setAttribute(node, name, value);
  }
  node.append(...present(children));
  return node;
}

/** Make an element of a drawing. */
export function svg(tag: string, attributes: Attributes = {}, ...children: Child[]): SVGElement {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) {
    setAttribute(node, name, value);
  }
  node.append(...present(children));
  return node;
}

/** Put new children in place of the old ones. */
export function fill(node: Element, ...children: Child[]): void {
  node.replaceChildren(...present(children));
}

/** Set an attribute, or take it away where the value is false, null or undefined. */
export function setAttribute(node: Element, name: string, value: Attributes[string]): void {
  if (value === false || value === null || value === undefined) {
    node.removeAttribute(name);
  } else {
    node.setAttribute(name, value === true ? '' : String(value));
  }
}

/** Show a key as it stands on the keyboard; the button's own words name it, so it is hidden from readers. */
export function keycap(key: string): HTMLElement {
  return el('kbd', { class: 'dcai-review-key', 'aria-hidden': 'true' }, key);
}

/** Join class names, without those that do not apply. */
export function classes(...names: (string | false | null | undefined)[]): string {
  return names.filter(Boolean).join(' ');
}

function present(children: Child[]): (Node | string)[] {
  return children.filter((c): c is Node | string => c !== null && c !== undefined && c !== false && c !== '');
}
