const REMEMBERED = 1000;

/**
 * Recognises a message that comes twice: an exact copy has the same `_unique_id`. Only one that was treated to the end
 * counts as seen; whoever holds a copy of one in work waits for its end.
 */
export class SeenMessages {
  readonly #done = new Set<string>();
  readonly #inWork = new Map<string, Promise<boolean>>();

  /**
   * Treats the message, unless a copy of it was. `work` answers whether it came to an end; false makes the next copy
   * count. Resolves `"repeat"` when `work` was not run.
   */
  async once(
    uniqueId: string | null,
    work: () => Promise<boolean>,
  ): Promise<"treated" | "repeat"> {
    if (uniqueId === null) {
      await work();
      return "treated";
    }
    for (
      let other = this.#inWork.get(uniqueId);
      other !== undefined;
      other = this.#inWork.get(uniqueId)
    ) {
      await other;
    }
    if (this.#done.has(uniqueId)) {
      return "repeat";
    }
    const running = work();
    this.#inWork.set(
      uniqueId,
      running.catch(() => false),
    );
    try {
      if (await running) {
        this.#remember(uniqueId);
      }
    } finally {
      this.#inWork.delete(uniqueId);
    }
    return "treated";
  }

  #remember(uniqueId: string): void {
    this.#done.add(uniqueId);
    for (const oldest of this.#done) {
      if (this.#done.size <= REMEMBERED) {
        break;
      }
      this.#done.delete(oldest);
    }
  }
}
