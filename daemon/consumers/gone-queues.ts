const REMEMBERED_MS = 60_000;
const MAX_QUEUES = 200;

/** Reply queues that stayed away, remembered for a minute so that nobody waits for the same dead caller again. */
export class GoneQueues {
  readonly #untilMs = new Map<string, number>();

  add(queue: string): void {
    this.#untilMs.delete(queue);
    this.#untilMs.set(queue, Date.now() + REMEMBERED_MS);
    for (const oldest of this.#untilMs.keys()) {
      if (this.#untilMs.size <= MAX_QUEUES) {
        break;
      }
      this.#untilMs.delete(oldest);
    }
  }

  has(queue: string): boolean {
    return (this.#untilMs.get(queue) ?? 0) > Date.now();
  }
}
