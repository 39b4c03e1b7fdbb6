import { type FileHandle, open } from "node:fs/promises";
import { ArrayRefusal } from "../array-refusal.ts";
import type { ArrayModel } from "../model/array-model.ts";
import { requireSource } from "../model/find-volume.ts";
import type { Endpoint, Item, Query } from "../rest/endpoint.ts";
import {
  boolean,
  integer,
  list,
  string,
  unpagedListing,
} from "./parameters.ts";
import { pickWritten } from "./pick-objects.ts";

/** `volumes/diff`: extents that differ from a base, or without one those that are not all zeroes. */
export function volumeDiffEndpoints(model: ArrayModel): readonly Endpoint[] {
  return [
    {
      method: "GET",
      path: "volumes/diff",
      // The first of the vendor's files 2.4, 2.26 and 2.36 that has it.
      since: "2.26",
      query: {
        base_id: string,
        base_name: string,
        block_size: integer,
        ids: list,
        names: list,
        next_allocated_block_hint: boolean,
        segment_length: integer,
        segment_offset: integer,
      },
      listing: unpagedListing,
      handle: ({ query }) =>
        model.read(async () => ({ items: await diff(model, query) })),
    },
  ];
}

async function diff(model: ArrayModel, query: Query): Promise<readonly Item[]> {
  const [volume, ...more] = pickWritten(model.volumes, query, "Volume");
  const blockBytes = query.integer("block_size") ?? 0;
  const lengthBytes = query.integer("segment_length") ?? 0;
  const isFit = blockBytes >= 512 && blockBytes % 512 === 0 && lengthBytes > 0;
  if (volume === undefined || more.length > 0 || !isFit) {
    // Invented text.
    throw new ArrayRefusal(
      "One volume, a block_size that is a multiple of 512 and a segment_length are required.",
    );
  }
  const start = query.integer("segment_offset") ?? 0;
  const end = Math.min(start + lengthBytes, volume.provisioned);
  const baseId = baseIdOf(model, query);
  await using file = await open(model.dataPlane.pathOf(volume.id));
  await using base =
    baseId === undefined ? null : await open(model.dataPlane.pathOf(baseId));
  return await extentsOf(file, base, { start, end, blockBytes });
}

async function extentsOf(
  file: FileHandle,
  base: FileHandle | null,
  {
    start,
    end,
    blockBytes,
  }: { start: number; end: number; blockBytes: number },
): Promise<readonly Item[]> {
  const extents: { offset: number; length: number }[] = [];
  for (let offset = start; offset < end; offset += blockBytes) {
    const block = await readBlock(file, offset, blockBytes);
    const other = await readBlock(base, offset, blockBytes);
    if (!block.equals(other)) {
      const last = extents.at(-1);
      if (last !== undefined && last.offset + last.length === offset) {
        last.length += blockBytes;
      } else {
        extents.push({ offset, length: blockBytes });
      }
    }
  }
  return extents;
}

function baseIdOf(model: ArrayModel, query: Query): string | undefined {
  const name = query.string("base_name");
  const id = query.string("base_id");
  if (name === undefined && id === undefined) {
    return undefined;
  }
  const source = requireSource(model, {
    ...(name !== undefined && { name }),
    ...(id !== undefined && { id }),
  });
  return source.kind === "volume" ? source.volume.id : source.snapshot.id;
}

/** Zeroes where there is no file, and beyond its end. */
async function readBlock(
  file: FileHandle | null,
  offset: number,
  length: number,
): Promise<Buffer> {
  const block = Buffer.alloc(length);
  await file?.read(block, 0, length, offset);
  return block;
}
