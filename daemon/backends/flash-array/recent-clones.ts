import type { VolumeItem } from "./array-items.ts";

const kept = 1000;

/** What the array said of the clones that were made last, so that whoever labels one need not ask for it again. */
export class RecentClones {
  readonly #items = new Map<string, VolumeItem>();

  remember(item: VolumeItem): void {
    this.#items.delete(item.name);
    this.#items.set(item.name, item);
    const [oldest] = this.#items.keys();
    if (this.#items.size > kept && oldest !== undefined) {
      this.#items.delete(oldest);
    }
  }

  /** While it is known that nobody has deleted or renamed it here. */
  peek(name: string): VolumeItem | null {
    return this.#items.get(name) ?? null;
  }

  /** It is deleted or renamed. */
  forget(name: string): void {
    this.#items.delete(name);
  }

  /** Once: later it may be another volume that has this name. */
  take(name: string): VolumeItem | null {
    const item = this.#items.get(name) ?? null;
    this.#items.delete(name);
    return item;
  }
}
