/** A piece of an image in a buffer that is used again once it was released. */
export interface Block {
  readonly bytes: Buffer;
  /** Of its first byte within the image. */
  readonly offset: number;
  release(): void;
}

/** Size of a block: large enough for a disk, a hash and the header inspector. */
const blockBytes = 1024 * 1024;

const maxBlocks = 8;

/**
 * Cuts a body into blocks of equal size, the last one excepted. Only a few exist: who holds on to them stops the
 * download, which is the back-pressure and keeps memory constant.
 */
export class BlockReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #free: Buffer[] = [];
  #allocated = 0;
  #released = Promise.withResolvers<void>();
  #rest: Uint8Array = new Uint8Array(0);
  #offset = 0;

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#chunks = body[Symbol.asyncIterator]();
  }

  /** The next block; null after the last. */
  async next(): Promise<Block | null> {
    const buffer = await this.#takeBuffer();
    const length = await this.#fill(buffer);
    const block = {
      bytes: buffer.subarray(0, length),
      offset: this.#offset,
      release: () => {
        this.#free.push(buffer);
        this.#released.resolve();
      },
    };
    this.#offset += length;
    if (length === 0) {
      block.release();
      return null;
    }
    return block;
  }

  async #takeBuffer(): Promise<Buffer> {
    for (;;) {
      const free = this.#free.pop();
      if (free !== undefined) {
        return free;
      }
      if (this.#allocated < maxBlocks) {
        this.#allocated += 1;
        return Buffer.allocUnsafeSlow(blockBytes);
      }
      this.#released = Promise.withResolvers();
      await this.#released.promise;
    }
  }

  async #fill(buffer: Buffer): Promise<number> {
    let length = 0;
    while (length < buffer.length) {
      if (this.#rest.length === 0) {
        const chunk = await this.#chunks.next();
        if (chunk.done === true) {
          break;
        }
        this.#rest = chunk.value;
      }
      const part = this.#rest.subarray(0, buffer.length - length);
      buffer.set(part, length);
      this.#rest = this.#rest.subarray(part.length);
      length += part.length;
    }
    return length;
  }
}
