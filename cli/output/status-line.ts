import type { WriteStream } from "node:tty";

/** One line at the foot of a terminal that is written over again and again; does nothing where there is no terminal. */
export class StatusLine implements Disposable {
  readonly #stream: WriteStream;
  #isShown = false;

  constructor(stream: WriteStream) {
    this.#stream = stream;
  }

  /** False where nobody would see it. */
  get isVisible(): boolean {
    return this.#stream.isTTY;
  }

  /** Replaces the line. */
  show(text: string): void {
    if (this.isVisible) {
      const room = Math.max(20, this.#stream.columns || 80) - 1;
      this.#stream.write(`\r\u001b[2K${text.slice(0, room)}`);
      this.#isShown = true;
    }
  }

  /** Takes the line away, so that ordinary output can follow. */
  clear(): void {
    if (this.#isShown) {
      this.#stream.write("\r\u001b[2K");
      this.#isShown = false;
    }
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}
