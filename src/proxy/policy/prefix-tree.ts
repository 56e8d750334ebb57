/** Items by the beginning or the whole of a text: a search looks at the items along one path of the tree only. */

export class PrefixTree<T> {
  readonly #root = new Node<T>("");

  addExact(text: string, item: T): void {
    const node = this.#node(text);
    if (node.exact === undefined) node.exact = [item];
    else node.exact.push(item);
  }

  addPrefix(text: string, item: T): void {
    const node = this.#node(text);
    if (node.prefix === undefined) node.prefix = [item];
    else node.prefix.push(item);
  }

  /** The first item whose text fits and that `accepts`; makes no objects. */
  find<C>(text: string, accepts: (item: T, context: C) => boolean, context: C): T | undefined {
    let node = this.#root;
    let at = 0;
    for (;;) {
      if (node.prefix !== undefined) {
        for (const item of node.prefix) if (accepts(item, context)) return item;
      }
      if (at === text.length) break;
      const child = node.children?.get(text.charCodeAt(at));
      if (child === undefined || !text.startsWith(child.label, at)) return undefined;
      at += child.label.length;
      node = child;
    }
    if (node.exact !== undefined) {
      for (const item of node.exact) if (accepts(item, context)) return item;
    }
    return undefined;
  }

  #node(text: string): Node<T> {
    let node = this.#root;
    let at = 0;
    while (at < text.length) {
      const code = text.charCodeAt(at);
      const child = node.children?.get(code);
      if (child === undefined) {
        const leaf = new Node<T>(text.slice(at));
        addChild(node, leaf);
        return leaf;
      }
      const shared = sharedLength(child.label, text, at);
      at += shared;
      node = shared === child.label.length ? child : splitNode(node, child, shared);
    }
    return node;
  }
}

/** Most are leaves with one item: what they do not have costs nothing. */
class Node<T> {
  /** Behind the label of the parent; empty in the root only. */
  label: string;
  /** By the first character of their labels. */
  children: Map<number, Node<T>> | undefined;
  exact: T[] | undefined;
  prefix: T[] | undefined;

  constructor(label: string) {
    this.label = label;
  }
}

/** Puts a node between the two, at the first `length` characters of the child's label. */
function splitNode<T>(parent: Node<T>, child: Node<T>, length: number): Node<T> {
  const between = new Node<T>(child.label.slice(0, length));
  addChild(parent, between);
  child.label = child.label.slice(length);
  addChild(between, child);
  return between;
}

/** In the place of another child whose label begins the same. */
function addChild<T>(parent: Node<T>, child: Node<T>): void {
  parent.children ??= new Map();
  parent.children.set(child.label.charCodeAt(0), child);
}

function sharedLength(label: string, text: string, from: number): number {
  let length = 0;
  while (length < label.length && label.charCodeAt(length) === text.charCodeAt(from + length)) {
    length += 1;
  }
  return length;
}
