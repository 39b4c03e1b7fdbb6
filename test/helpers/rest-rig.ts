import { readFile } from "node:fs/promises";
import { ArrayRefusal } from "../../simulator/array-refusal.ts";
import { makeCertificates } from "../../simulator/certificates.ts";
import { Clock } from "../../simulator/clock.ts";
import type { Endpoint, Item } from "../../simulator/rest/endpoint.ts";
import { RestServer } from "../../simulator/rest/rest-server.ts";
import type { Version } from "../../simulator/version.ts";
import {
  type ArrayRequest,
  arrayRequest,
  type ArrayResponse,
} from "./array-request.ts";
import { tempFolder } from "./temp-folder.ts";

/** The API token of the rig's array. */
export const rigToken = "8f1b7cf2-0000-4000-8000-4d0c7f0f2a11";

/** Things with names, to be listed and made: what a server is tried with that knows no volumes yet. */
export function thingEndpoints(things: Item[]): readonly Endpoint[] {
  const names = { type: "list" } as const;
  const path = "things";
  const since = "2.0";
  return [
    {
      method: "GET",
      path,
      since,
      query: {
        names,
        ids: { type: "list" },
        destroyed: { type: "boolean" },
        host_names: { type: "list" },
        host_ids: { type: "list", since: "2.9" },
        block_size: { type: "integer" },
      },
      listing: [
        "filter",
        "sort",
        "limit",
        "offset",
        "continuation_token",
        "total_item_count",
        "total_only",
      ],
      hasTotal: true,
      fieldsSince: { nsid: "2.27", "space.total_used": "2.26" },
      handle: ({ query }) => {
        const wanted = query.list("names");
        for (const name of wanted ?? []) {
          if (!things.some((thing) => thing["name"] === name)) {
            throw new ArrayRefusal("Thing does not exist.", name);
          }
        }
        return {
          items: things.filter(
            ({ name }) => wanted?.includes(name as string) !== false,
          ),
        };
      },
    },
    {
      method: "POST",
      path,
      since,
      query: { names, overwrite: { type: "boolean", since: "2.16" } },
      isBodyOptional: true,
      body: {
        kind: "object",
        fields: {
          size: { shape: "integer" },
          ratio: { shape: "number" },
          label: { shape: "string" },
          isOpen: { shape: "boolean" },
          free: { shape: "any" },
          weight: { shape: "integer", since: "2.26" },
          chap: {
            shape: {
              kind: "object",
              fields: { host_password: { shape: "string" } },
            },
          },
          tags: {
            shape: {
              kind: "array",
              of: { kind: "object", fields: { key: { shape: "string" } } },
            },
          },
        },
      },
      handle: ({ query, body }) => {
        const size = (body as { size?: number } | null)?.size ?? 0;
        const made = (query.list("names") ?? []).map((name) => ({
          name,
          nsid: null,
          provisioned: size,
          space: { unique: size, total_used: size },
        }));
        things.push(...made);
        return { items: made };
      },
    },
    {
      method: "DELETE",
      path,
      since,
      query: { names },
      handle: ({ query }) => {
        const index = things.findIndex(
          ({ name }) => query.list("names")?.includes(name as string) === true,
        );
        things.splice(index, 1);
        return { items: [] };
      },
    },
    {
      method: "GET",
      path: "arrays",
      since: "2.2",
      query: {},
      handle: () => {
        throw new Error("the simulator has a mistake");
      },
    },
  ];
}

/** A request to the rig; `path` below the version. */
export type RigRequest = Omit<Partial<ArrayRequest>, "path"> & {
  readonly path: string;
  readonly version?: string;
};

/** A REST server with a session. */
export interface RestRig extends AsyncDisposable {
  readonly server: RestServer;
  readonly clock: Clock;
  readonly settings: {
    idleTimeoutMs: number;
    pageSize: number;
    arrayName: string;
  };
  readonly things: Item[];
  readonly ca: string;
  readonly fingerprint: string;
  login(version?: string): Promise<string>;
  /** With the rig's session. */
  send(request: RigRequest): Promise<ArrayResponse>;
  /** Path and query as they are, without a session. */
  raw(request: Omit<ArrayRequest, "url" | "ca">): Promise<ArrayResponse>;
}

/** Starts one; `versions` is what it speaks. */
export async function startRestRig(
  apiVersions: readonly Version[] = ["2.0", "2.4", "2.16", "2.26"],
): Promise<RestRig> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const certificates = await makeCertificates(folder.path);
  const clock = new Clock();
  const settings = { idleTimeoutMs: 1_800_000, pageSize: 3, arrayName: "fa1" };
  const things: Item[] = [];
  const server = stack.use(
    await RestServer.start({
      endpoints: thingEndpoints(things),
      clock,
      settings,
      apiVersions,
      apiToken: rigToken,
      certificates,
      port: 0,
    }),
  );
  const ca = await readFile(certificates.caFile, "utf8");
  const raw: RestRig["raw"] = async (request) =>
    await arrayRequest({ ...request, url: server.url, ca });
  const login = async (version = "2.26") => {
    const { headers } = await raw({
      method: "POST",
      path: `/api/${version}/login`,
      headers: { "api-token": rigToken },
    });
    return String(headers["x-auth-token"]);
  };
  const session = await login();
  const owned = stack.move();
  return {
    server,
    clock,
    settings,
    things,
    ca,
    fingerprint: certificates.fingerprint,
    raw,
    login,
    send: async ({ version = "2.26", headers, path, ...request }) =>
      await raw({
        ...request,
        path: `/api/${version}/${path}`,
        headers: { "x-auth-token": session, ...headers },
      }),
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  };
}
