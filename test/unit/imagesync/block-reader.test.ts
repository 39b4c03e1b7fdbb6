import { describe, expect, it } from "@jest/globals";
import {
  type Block,
  BlockReader,
} from "../../../daemon/imagesync/block-reader.ts";

const mib = 1024 * 1024;

async function* chunksOf(
  sizes: readonly number[],
  onChunk: () => void = () => {},
): AsyncGenerator<Uint8Array> {
  let value = 0;
  for (const size of sizes) {
    onChunk();
    yield new Uint8Array(size).fill((value += 1));
  }
}

async function takeAll(reader: BlockReader): Promise<readonly Block[]> {
  const blocks: Block[] = [];
  for (;;) {
    const block = await reader.next();
    if (block === null) {
      return blocks;
    }
    blocks.push(block);
  }
}

describe("BlockReader", () => {
  it("cuts any chunks into whole blocks and a rest", async () => {
    const reader = new BlockReader(chunksOf([mib - 1, 3, 0, mib, 5]));
    const blocks = await takeAll(reader);
    expect(blocks.map(({ offset, bytes }) => [offset, bytes.length])).toEqual([
      [0, mib],
      [mib, mib],
      [2 * mib, 7],
    ]);
    expect([...blocks[0]!.bytes.subarray(-2)]).toEqual([1, 2]);
    expect([...blocks[2]!.bytes]).toEqual([4, 4, 5, 5, 5, 5, 5]);
  });

  it("ends at once for an empty body", async () => {
    expect(await takeAll(new BlockReader(chunksOf([])))).toEqual([]);
  });

  it("reads no further than its blocks are given back", async () => {
    let chunks = 0;
    const sizes = Array.from({ length: 100 }, () => mib);
    const reader = new BlockReader(chunksOf(sizes, () => (chunks += 1)));
    const held: Block[] = [];
    for (let count = 0; count < 8; count += 1) {
      held.push((await reader.next())!);
    }
    let isWaiting = true;
    const ninth = reader.next().finally(() => {
      isWaiting = false;
    });
    await new Promise(setImmediate);
    expect(isWaiting).toBe(true);
    expect(chunks).toBe(8);
    held[3]!.release();
    expect((await ninth)?.offset).toBe(8 * mib);
    expect(chunks).toBe(9);
  });
});
