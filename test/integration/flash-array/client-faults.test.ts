import { describe, expect, it } from "@jest/globals";
import { z } from "zod";
import type {
  ArrayClient,
  Write,
} from "../../../daemon/backends/flash-array/array-client.ts";
import {
  ArrayRefusedError,
  UnknownOutcomeError,
} from "../../../daemon/backends/flash-array/array-errors.ts";
import {
  ArrayServer,
  type Behaviour,
  cutOff,
  hang,
  json,
  plain,
  reset,
} from "../../helpers/array-server.ts";
import { eventually } from "../../helpers/eventually.ts";
import { useArrayServer } from "../../helpers/use-array-server.ts";

const item = z.object({ name: z.string() });
const never = { signal: new AbortController().signal };
const good = json(200, { items: [{ name: "v", newField: 1 }] });
const missing = {
  errors: [
    { message: "Volume does not exist.", context: "v1" },
    { message: "Host does not exist.", context: null },
  ],
};

const read = async (client: ArrayClient, options = never) =>
  await client.list("volumes", {}, item, options);
const write = async (
  client: ArrayClient,
  method: Write["method"] = "PATCH",
  options = never,
) => await client.write({ method, path: "volumes", query: {} }, item, options);

describe("an array client told", () => {
  const rig = useArrayServer();

  it.each([
    ["400 with errors", json(400, missing)],
    ["200 with errors", json(200, missing)],
    ["207 with errors", json(207, { ...missing, items: [] })],
    ["409 with errors", json(409, missing)],
  ])(
    "%s gives the array's messages, and repeats nothing",
    async (_, answer) => {
      const client = await rig.open();
      for (const call of [read, write]) {
        rig.server.serve = answer;
        const error = await call(client).catch((each: unknown) => each);
        expect(error).toBeInstanceOf(ArrayRefusedError);
        const refusal = error as ArrayRefusedError;
        expect(refusal.code).toBe("ARRAY_REFUSED");
        expect(refusal.messages).toEqual(missing.errors);
        expect(refusal.says("volume does not exist")).toBe(true);
        expect(refusal.says("already exists")).toBe(false);
      }
      expect(rig.server.calls("GET volumes")).toHaveLength(1);
      expect(rig.server.calls("PATCH volumes")).toHaveLength(1);
      expect(rig.reports.at(-1)).toMatchObject({
        path: "volumes",
        outcome: "refused",
      });
    },
  );

  it.each([
    [
      "JSON of another shape",
      json(400, { message: "Bad filter" }),
      "Bad filter",
    ],
    ["no JSON", plain(400, "<h1>Bad"), "status 400 without a message"],
    ["nothing", plain(400), "status 400 without a message"],
    ["an odd error", json(400, { errors: [{}] }), "(no message)"],
  ])("400 with %s says so", async (_, answer, says) => {
    const client = await rig.open();
    rig.server.serve = answer;
    await expect(write(client)).rejects.toMatchObject({
      code: "ARRAY_REFUSED",
      message: expect.stringContaining(says),
    });
  });

  it("403 by the gateway, in a new session too, names the role that is missing", async () => {
    const client = await rig.open();
    rig.server.serve = json(403, { message: "Forbidden by policy" });
    await expect(write(client)).rejects.toMatchObject({
      code: "ARRAY_FORBIDDEN",
      retry: "never",
      message: expect.stringMatching(/Forbidden by policy.*role/),
    });
    expect(rig.server.calls("PATCH volumes")).toHaveLength(2);
    expect(rig.logins).toBe(2);
  });

  it("404 names the version", async () => {
    const client = await rig.open();
    rig.server.serve = plain(404, "<h1>404");
    for (const call of [read, write]) {
      await expect(call(client)).rejects.toMatchObject({
        code: "ARRAY_ANSWER",
        message: expect.stringContaining("REST version 2.26"),
      });
    }
  });

  it("429 waits and repeats, a change too, since it was not executed", async () => {
    const client = await rig.open();
    const busy = json(429, { message: "slow down" }, { "retry-after": "0" });
    rig.server.cue("PATCH volumes", busy, busy);
    rig.server.cue("GET volumes", busy);
    await expect(write(client)).resolves.toEqual([]);
    await expect(read(client)).resolves.toEqual([]);
    expect(rig.server.calls("PATCH volumes")).toHaveLength(3);
    expect(rig.server.calls("GET volumes")).toHaveLength(2);
    expect(rig.reports.map(({ outcome }) => outcome)).toContain("busy");
  });

  it("429 without a time waits a second", async () => {
    const client = await rig.open();
    rig.server.cue("GET volumes", json(429, { message: "slow down" }));
    const startMs = performance.now();
    await read(client);
    expect(performance.now() - startMs).toBeGreaterThan(950);
  });

  it.each([
    ["always", {}, 3],
    ["for this minute", { "X-RateLimit-Remaining-minute": "0" }, 1],
    ["for an hour", { "retry-after": "3600" }, 1],
    ["until a date", { "retry-after": "Wed, 21 Oct 2099 07:28:00 GMT" }, 1],
  ])("429 %s gives up within its patience", async (_, headers, tries) => {
    const client = await rig.open({ busyMs: 2500 });
    rig.server.serve = json(429, { message: "slow down" }, headers);
    await expect(write(client)).rejects.toMatchObject({
      code: "ARRAY_BUSY",
      retry: "later",
    });
    expect(rig.server.calls("PATCH volumes")).toHaveLength(tries);
  });

  it("429 for a minute waits that long if it may, but no longer than its caller", async () => {
    const client = await rig.open({ busyMs: 120_000 });
    rig.server.serve = json(
      429,
      { message: "slow down" },
      { "x-ratelimit-remaining-minute": "0" },
    );
    const abort = new AbortController();
    const waiting = write(client, "PATCH", abort);
    await eventually(
      "it was told to wait",
      () => rig.reports.at(-1)?.outcome === "busy",
    );
    abort.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    expect(rig.server.calls("PATCH volumes")).toHaveLength(1);
  });
});

const faults: readonly (readonly [string, Behaviour])[] = [
  ["a 500 with JSON", json(500, { errors: [{ message: "oops" }] })],
  ["a 503 with HTML", plain(503, "<html>down</html>")],
  ["an empty 502", plain(502)],
  ["a reset", reset],
  ["a silence", hang],
  ["an answer cut off", cutOff],
];
const unusable: readonly (readonly [string, Behaviour])[] = [
  ["HTML", plain(200, "<html>sign in</html>")],
  ["half of its JSON", plain(200, '{"items":[{"name":')],
  ["items of another shape", json(200, { items: [{ name: 7 }] })],
  ["items that are no list", json(200, { items: "none" })],
  ["a redirect", plain(302)],
  ["nothing", plain(200)],
];

describe("an array client that gets", () => {
  const rig = useArrayServer();
  const patient = { requestTimeoutMs: 300 };

  it.each([...faults, ...unusable])("%s repeats a read", async (_, fault) => {
    const client = await rig.open(patient);
    rig.server.serve = good;
    rig.server.cue("GET volumes", fault, fault);
    await expect(read(client)).resolves.toEqual([{ name: "v" }]);
    expect(rig.server.calls("GET volumes")).toHaveLength(3);
  });

  it.each([...faults, ...unusable])(
    "%s never repeats a change: its outcome is unknown",
    async (_, fault) => {
      const client = await rig.open(patient);
      rig.server.serve = good;
      for (const method of ["POST", "PATCH", "PUT"] as const) {
        rig.server.cue(`${method} volumes`, fault);
        const error = await write(client, method).catch(
          (each: unknown) => each,
        );
        expect(error).toBeInstanceOf(UnknownOutcomeError);
        expect((error as Error).message).toMatch(
          new RegExp(`${method} volumes \\(request [-0-9a-f]{36}\\)`),
        );
        expect(rig.server.calls(`${method} volumes`)).toHaveLength(1);
        expect(rig.reports.at(-1)?.outcome).toBe("unknown");
      }
    },
  );

  it.each(faults)(
    "%s again and again cannot reach the array within its patience",
    async (_, fault) => {
      const client = await rig.open(patient);
      rig.server.serve = fault;
      const startMs = performance.now();
      await expect(read(client)).rejects.toMatchObject({
        code: "ARRAY_UNREACHABLE",
        retry: "later",
      });
      expect(performance.now() - startMs).toBeLessThan(4000);
      expect(rig.server.calls("GET volumes").length).toBeGreaterThan(2);
    },
  );

  it.each(unusable)("%s again and again says so", async (_, answer) => {
    const client = await rig.open(patient);
    rig.server.serve = answer;
    await expect(read(client)).rejects.toMatchObject({ code: "ARRAY_ANSWER" });
    expect(rig.server.calls("GET volumes")).toHaveLength(3);
  });

  it.each([
    ["no items at all", json(200, {}), []],
    ["items that are null", json(200, { items: null }), []],
    ["fields it does not know", good, [{ name: "v" }]],
  ])("%s takes them", async (_, answer, items) => {
    const client = await rig.open();
    rig.server.serve = answer;
    await expect(read(client)).resolves.toEqual(items);
    await expect(write(client)).resolves.toEqual(items);
  });

  it("an empty answer to a DELETE is content", async () => {
    const client = await rig.open();
    rig.server.serve = plain(200);
    await expect(write(client, "DELETE")).resolves.toEqual([]);
  });
});

describe("an array client whose array is away", () => {
  const rig = useArrayServer();

  /** Stops the server when no connection is kept that a request could still leave on. */
  const stop = async (client: ArrayClient) => {
    rig.server.cue(
      "GET volumes",
      json(200, { items: [] }, { connection: "close" }),
    );
    await read(client);
    await eventually(
      "no connection is kept",
      () => rig.server.connections === 0,
    );
    await rig.server[Symbol.asyncDispose]();
  };

  it("repeats a change that never left until the array is back", async () => {
    const client = await rig.open({ outageMs: 10_000 });
    const { port } = rig.server;
    await stop(client);
    const writing = write(client);
    await eventually(
      "two tries have failed",
      () =>
        rig.reports.filter(({ outcome }) => outcome === "unreachable").length >
        1,
    );
    await using back = await ArrayServer.open(rig.certificate, { port });
    await expect(writing).resolves.toEqual([]);
    // The new server knows no session of the old one.
    expect(back.calls("PATCH volumes")).toHaveLength(2);
    expect(back.calls("POST login")).toHaveLength(1);
    await client[Symbol.asyncDispose]();
  });

  it("gives up a change that never left as unreachable, not as unknown", async () => {
    const client = await rig.open();
    await stop(client);
    await expect(write(client)).rejects.toMatchObject({
      code: "ARRAY_UNREACHABLE",
      message: expect.stringContaining("ECONNREFUSED"),
    });
    await client[Symbol.asyncDispose]();
  });

  it("cannot be opened where no name leads to it", async () => {
    await expect(
      rig.open({ address: "array.invalid", outageMs: 300 }),
    ).rejects.toMatchObject({
      code: "ARRAY_UNREACHABLE",
      message: expect.stringMatching(/FlashArray array\.invalid.*api_version/),
    });
  });

  it("knows nothing of a change that met a connection the array had just closed", async () => {
    const client = await rig.open();
    await read(client);
    const before = rig.server.connections;
    rig.server.cue("PATCH volumes", reset);
    await expect(write(client)).rejects.toBeInstanceOf(UnknownOutcomeError);
    expect(before).toBe(1);
    await expect(read(client)).resolves.toEqual([]);
  });
});
