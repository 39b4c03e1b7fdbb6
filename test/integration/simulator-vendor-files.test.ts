import { readFile } from "node:fs/promises";
import path from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import type { Endpoint, Item } from "../../simulator/rest/endpoint.ts";
import { isAtLeast, type Version } from "../../simulator/version.ts";
import { ArrayRig } from "../helpers/array-rig.ts";
import { type Operation, readOperations } from "../helpers/openapi-file.ts";

/** Folder with the vendor's OpenAPI files, the table made of them, and answers of a real array in `captures/`. */
const folder = process.env["FLASHARRAY_SPEC_DIR"] ?? "";
const withFiles = folder === "" ? describe.skip : describe;
if (folder === "") {
  console.log(
    "The vendor's files are not compared: FLASHARRAY_SPEC_DIR is not set.",
  );
}

const paths = new Set([
  "arrays",
  "arrays/space",
  "connections",
  "container-default-protections",
  "controllers",
  "host-groups",
  "host-groups/hosts",
  "hosts",
  "hosts/host-groups",
  "network-interfaces",
  "pods",
  "ports",
  "protection-groups",
  "protection-groups/volumes",
  "volume-groups",
  "volume-snapshots",
  "volumes",
  "volumes/diff",
  "volumes/protection-groups",
  "volumes/space",
  "volumes/tags",
  "volumes/tags/batch",
]);

/** Methods of those paths that the simulator does not have: it has no such objects to make or change. */
const leftOut = new Set([
  "DELETE arrays",
  "PATCH arrays",
  "DELETE network-interfaces",
  "PATCH network-interfaces",
  "POST network-interfaces",
  "DELETE protection-groups",
  "PATCH protection-groups",
  "POST protection-groups",
]);

/** Fields of bodies in the file of that version which the simulator refuses there. */
const bodyFieldsLeftOut: Readonly<Record<string, readonly string[]>> = {
  // Nobody sends it, and later files do not have it.
  "2.4 POST volume-groups": [".destroyed"],
};

const captureVersion: Version = "2.15";
/** Which listing an answer was captured from, the version it fits, and its fields that this version's file lacks or that came after 2.36. */
const captures: readonly {
  readonly file: string;
  readonly path: string;
  readonly version: Version;
  readonly unknownHere?: readonly string[];
}[] = [
  { file: "arrays", path: "arrays", version: captureVersion },
  { file: "connections", path: "connections", version: captureVersion },
  { file: "controllers", path: "controllers", version: captureVersion },
  { file: "hosts", path: "hosts", version: captureVersion },
  {
    file: "network_interfaces",
    path: "network-interfaces",
    version: captureVersion,
    // Only virtual interfaces that the simulator does not have name others.
    unknownHere: ["eth.subinterfaces[].name"],
  },
  {
    file: "pods",
    path: "pods",
    version: captureVersion,
    // No pod of the simulator prefers an array.
    unknownHere: ["failover_preferences[].id", "failover_preferences[].name"],
  },
  { file: "ports", path: "ports", version: captureVersion },
  {
    file: "volume_groups",
    path: "volume-groups",
    version: "2.36",
    // Fleets came with 2.38, workloads with 2.40.
    unknownHere: ["context", "context.id", "context.name", "workload"],
  },
  { file: "volumes", path: "volumes", version: captureVersion },
];

withFiles("the simulator's items", () => {
  let rig: ArrayRig;

  beforeAll(async () => {
    rig = await ArrayRig.create();
    await rig.call("POST volumes?names=one,two", {});
    await rig.call("POST volume-groups?names=group", {});
    await rig.call("POST pods?names=pod", {});
    await rig.call("POST hosts?names=host", {
      iqns: ["iqn.2026-01.org.example:one"],
      preferred_arrays: [{ name: rig.model.settings.arrayName }],
    });
    await rig.call("POST connections?host_names=host&volume_names=one");
  });

  it.each(captures)(
    "of $path have the fields of a real array's",
    async ({ file, path: listing, version, unknownHere = [] }) => {
      const ours = await rig.call(`GET ${listing}`, undefined, version);
      const theirs = JSON.parse(
        await readFile(path.join(folder, "captures", `${file}.json`), "utf8"),
      ) as { readonly items: readonly Item[] };
      const wanted = allKeys(theirs.items).difference(new Set(unknownHere));
      expect([...allKeys(ours)].toSorted()).toEqual([...wanted].toSorted());
      expect(ours.length).toBeGreaterThan(0);
    },
  );
});

withFiles("the simulator's endpoints", () => {
  it("have the query parameters of the table made of the 2.26 file", async () => {
    const table = JSON.parse(
      await readFile(path.join(folder, "facts-2.26.json"), "utf8"),
    ) as Readonly<Record<string, { readonly query: Record<string, string> }>>;
    const wanted = Object.entries(table)
      .map(([key, { query }]) => [
        key.replace("/api/2.26/", ""),
        Object.keys(query).toSorted(),
      ])
      .filter(([key]) => isBuilt(String(key)));
    const rig = await ArrayRig.create();
    const known = new Set(wanted.map(([key]) => String(key)));
    const ours = endpointsOf(rig, "2.26")
      .filter((endpoint) => known.has(nameOf(endpoint)))
      .map((endpoint) => [
        nameOf(endpoint),
        [...parametersOf(endpoint, "2.26").keys()].toSorted(),
      ]);
    expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(wanted));
    expect(ours.length).toBeGreaterThan(40);
  });

  it.each(["2.4", "2.26", "2.36"] as const)(
    "have the methods, parameters and bodies of the %s file",
    async (version) => {
      const theirs = await readOperations(fileOf(version), version, isBuilt);
      const rig = await ArrayRig.create();
      const ours = new Map(
        endpointsOf(rig, version).map((endpoint) => [
          nameOf(endpoint),
          operationOf(endpoint, version),
        ]),
      );
      expect([...ours.keys()].toSorted()).toEqual(
        [...theirs.keys()].toSorted(),
      );
      for (const [name, { query, body }] of theirs) {
        const found = ours.get(name);
        expect({ name, query: sorted(found?.query) }).toEqual({
          name,
          query: sorted(query),
        });
        const excepted = new Set(bodyFieldsLeftOut[`${version} ${name}`] ?? []);
        expect({ name, body: [...(found?.body ?? [])].toSorted() }).toEqual({
          name,
          body: [...body.difference(excepted)].toSorted(),
        });
      }
    },
    120_000,
  );
});

/** Fields of items that the file of that version does not have, but real answers do. */
const itemFieldsToo: Readonly<Record<string, readonly string[]>> = {
  "2.4 controllers": [".mode_since"],
  "2.26 controllers": [".mode_since"],
  // Null where an interface cannot have any.
  "2.4 network-interfaces": [".eth.subinterfaces"],
  "2.26 network-interfaces": [".eth.subinterfaces"],
  "2.36 network-interfaces": [".eth.subinterfaces"],
};

withFiles("the simulator's items", () => {
  it.each(["2.4", "2.26", "2.36"] as const)(
    "have the fields of the %s file",
    async (version) => {
      const theirs = await readOperations(fileOf(version), version, isBuilt);
      const rig = await ArrayRig.create({
        defaultProtection: [{ name: "default" }],
      });
      await rig.call("POST volumes?names=one,two", {});
      await rig.call("PUT volumes/tags/batch?resource_names=one", [
        { key: "k", value: "v" },
      ]);
      await rig.call("POST volume-snapshots?source_names=one", {});
      await rig.call("POST volume-groups?names=group", {});
      await rig.call("POST pods?names=pod", {});
      await rig.call("POST hosts?names=host", {
        preferred_arrays: [{ name: rig.model.settings.arrayName }],
      });
      await rig.call("POST host-groups?names=group");
      await rig.call("PATCH hosts?names=host", {
        host_group: { name: "group" },
      });
      await rig.call("POST connections?host_names=host&volume_names=one");
      // Extents need bytes, which this array has not.
      const listings = [...theirs].filter(
        ([name]) => name.startsWith("GET ") && name !== "GET volumes/diff",
      );
      for (const [name, { items }] of listings) {
        const target = name.slice("GET ".length);
        const ours = await rig.call(name, undefined, version);
        const known = items.union(
          new Set(itemFieldsToo[`${version} ${target}`] ?? []),
        );
        // Of what would be in an empty list nothing can be seen.
        const found = leafKeys(ours);
        const unseen = [...found].filter((field) => field.endsWith("[]"));
        const visible = (fields: ReadonlySet<string>): readonly string[] =>
          [...fields]
            .filter((field) => !unseen.some((list) => field.startsWith(list)))
            .toSorted();
        expect({ name, fields: visible(found) }).toEqual({
          name,
          fields: visible(known),
        });
      }
      expect(listings.length).toBeGreaterThan(15);
    },
    120_000,
  );
});

/** Fields that are no objects, lists of texts as `[]`. */
function leafKeys(items: readonly Item[]): Set<string> {
  const keys = new Set<string>();
  const visit = (value: unknown, prefix: string): void => {
    if (Array.isArray(value) && value.length > 0) {
      for (const one of value) {
        visit(one, `${prefix}[]`);
      }
    } else if (Array.isArray(value)) {
      keys.add(`${prefix}[]`);
    } else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        visit(inner, `${prefix}.${key}`);
      }
    } else {
      keys.add(prefix);
    }
  };
  for (const item of items) {
    visit(item, "");
  }
  return keys;
}

function fileOf(version: Version): string {
  return path.join(folder, `FA${version}.spec.yaml`);
}

function nameOf({ method, path: target }: Endpoint): string {
  return `${method} ${target}`;
}

function isBuilt(name: string): boolean {
  const [, target = ""] = name.split(" ");
  return paths.has(target) && !leftOut.has(name);
}

function endpointsOf(rig: ArrayRig, version: Version): readonly Endpoint[] {
  return rig.endpoints.filter(({ since }) => isAtLeast(version, since));
}

const listingTypes: Readonly<Record<string, string>> = {
  filter: "string",
  sort: "list",
  limit: "integer",
  offset: "integer",
  continuation_token: "string",
  total_item_count: "boolean",
  total_only: "boolean",
};

function parametersOf(
  { query, listing = [] }: Endpoint,
  version: Version,
): ReadonlyMap<string, string> {
  const own = Object.entries(query)
    .filter(([, { since }]) => since === undefined || isAtLeast(version, since))
    .map(([name, { type }]) => [name, type] as const);
  return new Map([
    ...own,
    ...listing.map((name) => [name, listingTypes[name] ?? ""] as const),
  ]);
}

function operationOf(endpoint: Endpoint, version: Version): Operation {
  const fields = new Set<string>();
  if (endpoint.body !== undefined) {
    collectShape(endpoint.body, "", version, fields);
  }
  return {
    query: parametersOf(endpoint, version),
    body: fields,
    items: new Set(),
  };
}

function collectShape(
  shape: NonNullable<Endpoint["body"]>,
  prefix: string,
  version: Version,
  into: Set<string>,
): void {
  if (typeof shape === "string") {
    into.add(prefix);
  } else if (shape.kind === "array") {
    collectShape(shape.of, `${prefix}[]`, version, into);
  } else if (Object.keys(shape.fields).length === 0) {
    into.add(prefix);
  } else {
    for (const [name, field] of Object.entries(shape.fields)) {
      if (field.since === undefined || isAtLeast(version, field.since)) {
        collectShape(field.shape, `${prefix}.${name}`, version, into);
      }
    }
  }
}

/** All keys of nested objects, dotted; those within lists behind `[]`. */
function allKeys(items: readonly Item[]): Set<string> {
  const keys = new Set<string>();
  const visit = (value: unknown, prefix: string): void => {
    if (Array.isArray(value)) {
      for (const one of value) {
        visit(one, `${prefix}[]`);
      }
    } else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        const name = prefix === "" ? key : `${prefix}.${key}`;
        keys.add(name);
        visit(inner, name);
      }
    }
  };
  for (const item of items) {
    visit(item, "");
  }
  return keys;
}

function sorted(
  map: ReadonlyMap<string, string> | undefined,
): readonly (readonly [string, string])[] {
  return [...(map ?? [])].toSorted(([one], [other]) => (one < other ? -1 : 1));
}
