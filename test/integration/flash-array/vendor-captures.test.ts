import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "@jest/globals";
import type { ZodObject } from "zod";
import {
  arrayItem,
  arraySpaceItem,
  podItem,
  volumeGroupItem,
  volumeItem,
} from "../../../daemon/backends/flash-array/array-items.ts";
import {
  connectionItem,
  controllerItem,
  hostItem,
  networkInterfaceItem,
  portItem,
} from "../../../daemon/backends/flash-array/host-items.ts";

/** Folder with answers of a real array in `captures/`. */
const folder = process.env["FLASHARRAY_SPEC_DIR"] ?? "";
const withFiles = folder === "" ? describe.skip : describe;
if (folder === "") {
  console.log(
    "Answers of a real array are not decoded: FLASHARRAY_SPEC_DIR is not set.",
  );
}

type Raw = Readonly<Record<string, unknown>>;

/** A capture, how we read its items, and what of an item has to be in what was read. */
interface Decoded {
  readonly file: string;
  readonly schema: ZodObject;
  readonly wanted: (item: Raw) => Raw;
}

const decoded: readonly Decoded[] = [
  {
    file: "volumes",
    schema: volumeItem,
    wanted: (item) => ({
      ...same(
        item,
        "id name serial created destroyed provisioned connection_count subtype",
      ),
      time_remaining: item["time_remaining"] ?? null,
      source: within(item, "source", "id name"),
    }),
  },
  {
    file: "arrays",
    schema: arrayItem,
    wanted: (item) => same(item, "id name"),
  },
  {
    file: "arrays",
    schema: arraySpaceItem,
    wanted: (item) => ({
      ...same(item, "capacity"),
      space: within(item, "space", "total_physical")["total_physical"],
    }),
  },
  {
    file: "pods",
    schema: podItem,
    wanted: (item) => same(item, "name destroyed promotion_status"),
  },
  {
    file: "volume_groups",
    schema: volumeGroupItem,
    wanted: (item) => same(item, "name destroyed"),
  },
  {
    file: "hosts",
    schema: hostItem,
    wanted: (item) => ({
      ...same(item, "name is_local iqns nqns wwns personality"),
      chap: within(item, "chap", "host_user")["host_user"],
      host_group: within(item, "host_group", "name")["name"],
    }),
  },
  {
    file: "connections",
    schema: connectionItem,
    wanted: (item) => ({
      ...same(item, "lun"),
      host: within(item, "host", "name")["name"],
      host_group: within(item, "host_group", "name")["name"],
      volume: within(item, "volume", "name")["name"],
    }),
  },
  {
    file: "controllers",
    schema: controllerItem,
    wanted: (item) => same(item, "name status"),
  },
  {
    file: "ports",
    schema: portItem,
    wanted: (item) => same(item, "name iqn nqn wwn portal"),
  },
  {
    file: "network_interfaces",
    schema: networkInterfaceItem,
    wanted: (item) => ({
      ...same(item, "name enabled services"),
      eth:
        item["eth"] === null ? null : within(item, "eth", "address")["address"],
    }),
  },
];

withFiles("of a real array's answers", () => {
  it.each(decoded)(
    "$file are read, and nothing of what we use is lost",
    async ({ file, schema, wanted }) => {
      const items = await itemsOf(file);
      expect(items.length).toBeGreaterThan(0);
      expect(items.map((item) => schema.parse(item))).toEqual(
        items.map((item) => wanted(item)),
      );
      const known = new Set(items.flatMap((item) => Object.keys(item)));
      const unknown = Object.keys(schema.shape).filter(
        (key) => !known.has(key),
      );
      expect(unknown).toEqual([]);
    },
  );

  it("all are read", async () => {
    const files = await readdir(path.join(folder, "captures"));
    expect(files.map((file) => path.parse(file).name).toSorted()).toEqual(
      [...new Set(decoded.map(({ file }) => file))].toSorted(),
    );
  });
});

async function itemsOf(file: string): Promise<readonly Raw[]> {
  const text = await readFile(
    path.join(folder, "captures", `${file}.json`),
    "utf8",
  );
  return (JSON.parse(text) as { readonly items: readonly Raw[] }).items;
}

/** Fields by name; each has to be there. */
function same(item: Raw, fields: string): Raw {
  return Object.fromEntries(
    fields.split(" ").map((field) => {
      if (!Object.hasOwn(item, field)) {
        throw new Error(`no ${field} in ${JSON.stringify(item)}`);
      }
      return [field, item[field]];
    }),
  );
}

function within(item: Raw, field: string, fields: string): Raw {
  return same(item[field] as Raw, fields);
}
