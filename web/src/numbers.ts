/* Objects of the page that Wasm knows by number: from 1, 0 is none. Numbers of freed objects are given again. */

export class Numbers<T> {
  #items: (T | undefined)[] = [undefined];
  #free: number[] = [];

  add(item: T): number {
    const id = this.#free.pop() ?? this.#items.length;
    this.#items[id] = item;
    return id;
  }

  get(id: number): T | undefined {
    return this.#items[id];
  }

  take(id: number): T | undefined {
    const item = this.#items[id];
    if (item === undefined) return undefined;
    this.#items[id] = undefined;
    this.#free.push(id);
    return item;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (const item of this.#items) if (item !== undefined) yield item;
  }

  get size(): number {
    return this.#items.length - 1 - this.#free.length;
  }
}
