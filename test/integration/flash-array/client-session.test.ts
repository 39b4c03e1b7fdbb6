import { describe, expect, it } from "@jest/globals";
import { z } from "zod";
import type { ArrayClient } from "../../../daemon/backends/flash-array/array-client.ts";
import { goodApiToken, hang, json, plain } from "../../helpers/array-server.ts";
import { eventually } from "../../helpers/eventually.ts";
import { useArrayServer } from "../../helpers/use-array-server.ts";

const item = z.object({ name: z.string() });
const never = { signal: new AbortController().signal };
const unauthorized = json(401, { errors: [{ message: "Invalid session." }] });
const forbidden = json(403, { message: "No such right." });

const read = async (client: ArrayClient) =>
  await client.list("volumes", { destroyed: false }, item, never);
const rename = async (client: ArrayClient, options = never) =>
  await client.write(
    {
      method: "PATCH",
      path: "volumes",
      query: { names: ["a"] },
      body: { name: "b" },
    },
    item,
    options,
  );

describe("the session of an array client", () => {
  const rig = useArrayServer();

  it("is made by a login with the API token, used by every call, and ended on dispose", async () => {
    const client = await rig.open();
    rig.server.serve = json(200, { items: [{ name: "b" }] });
    await expect(read(client)).resolves.toEqual([{ name: "b" }]);
    await expect(rename(client)).resolves.toEqual([{ name: "b" }]);
    const [session] = rig.server.sessions;
    await client[Symbol.asyncDispose]();
    await client[Symbol.asyncDispose]();
    expect(rig.server.requests.map(({ call }) => call)).toEqual([
      "GET api_version",
      "POST login",
      "GET volumes",
      "PATCH volumes",
      "POST logout",
    ]);
    const [, login, ...others] = rig.server.requests;
    expect(login?.headers["api-token"]).toBe(goodApiToken);
    expect(login?.body).toBeNull();
    expect(login?.headers).not.toHaveProperty("transfer-encoding");
    expect(others.map(({ headers }) => headers["x-auth-token"])).toEqual([
      session,
      session,
      session,
    ]);
    expect(others.some(({ headers }) => "api-token" in headers)).toBe(false);
    expect(rig.server.sessions.size).toBe(0);
    expect(rig.logins).toBe(1);
    await expect(read(client)).rejects.toMatchObject({ code: "ARRAY_CLOSED" });
  });

  it("is replaced once when many calls see it refused, and each call is replayed", async () => {
    const client = await rig.open();
    rig.server.sessions.clear();
    const calls = Array.from({ length: 8 }, async (_, index) =>
      index % 2 === 0 ? await read(client) : await rename(client),
    );
    await expect(Promise.all(calls)).resolves.toHaveLength(8);
    expect(rig.server.calls("POST login")).toHaveLength(2);
    expect(rig.logins).toBe(2);
  });

  it("is not replaced because of a refusal that comes after its replacement", async () => {
    const client = await rig.open();
    let release = () => {};
    // The first is held back until the second call has made a new session.
    rig.server.cue("GET volumes", (request, response) => {
      release = () => {
        unauthorized(request, response);
      };
    });
    const late = read(client);
    await eventually(
      "the first call is there",
      () => rig.server.calls("GET volumes").length === 1,
    );
    rig.server.sessions.clear();
    await rename(client);
    expect(rig.logins).toBe(2);
    release();
    await expect(late).resolves.toEqual([]);
    expect(rig.logins).toBe(2);
    expect(rig.server.calls("POST login")).toHaveLength(2);
  });

  it("logs the refused session out, since it may still live", async () => {
    const client = await rig.open();
    const [first] = rig.server.sessions;
    rig.server.cue("GET volumes", unauthorized);
    await read(client);
    await eventually(
      "the first session is logged out",
      () => !rig.server.sessions.has(first!),
    );
    expect(rig.server.sessions.size).toBe(1);
  });

  it("that is refused right after its login fails the call, without another login", async () => {
    const client = await rig.open();
    rig.server.serve = unauthorized;
    await expect(rename(client)).rejects.toMatchObject({
      code: "ARRAY_LOGIN",
      message: expect.stringContaining("Invalid session."),
    });
    expect(rig.server.calls("PATCH volumes")).toHaveLength(2);
    expect(rig.server.calls("POST login")).toHaveLength(2);
  });

  it("is replaced again for a replay that met the end of a session that had worked", async () => {
    const client = await rig.open();
    let release = () => {};
    rig.server.cue("GET volumes", unauthorized, (request, response) => {
      release = () => {
        unauthorized(request, response);
      };
    });
    const twice = read(client);
    await eventually(
      "the replay is there",
      () => rig.server.calls("GET volumes").length === 2,
    );
    await rename(client);
    rig.server.sessions.clear();
    release();
    await expect(twice).resolves.toEqual([]);
    expect(rig.logins).toBe(3);
  });

  it("survives 100 revocations during 1,000 calls", async () => {
    const client = await rig.open();
    let served = 0;
    rig.server.serve = (request, response) => {
      served += 1;
      if (served % 10 === 0) {
        rig.server.sessions.clear();
      }
      json(200, { items: [{ name: "v" }] })(request, response);
    };
    const results = await Promise.allSettled(
      Array.from({ length: 1000 }, async (_, index) =>
        index % 3 === 0 ? await rename(client) : await read(client),
      ),
    );
    expect(results.filter(({ status }) => status === "rejected")).toEqual([]);
    expect(served).toBe(1000);
    // The hundredth revocation comes with the last call: nobody sees it.
    expect(rig.logins).toBe(100);
  });

  it("that ends with a 403 is replaced, and the call is replayed", async () => {
    const client = await rig.open();
    const [first] = rig.server.sessions;
    rig.server.cue("PATCH volumes", forbidden);
    await expect(rename(client)).resolves.toEqual([]);
    expect(rig.logins).toBe(2);
    const [refused, replayed] = rig.server.calls("PATCH volumes");
    expect(refused?.headers["x-auth-token"]).toBe(first);
    expect(replayed?.headers["x-auth-token"]).not.toBe(first);
    expect(replayed?.body).toEqual(refused?.body);
  });

  it("is replaced once when a right is missing, however many calls lack it and however often", async () => {
    const client = await rig.open();
    rig.server.serve = (request, response) => {
      const lacks = request.call.startsWith("PATCH");
      (lacks ? forbidden : json(200, { items: [] }))(request, response);
    };
    for (let round = 0; round < 3; round += 1) {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 8 }, async () => await rename(client)),
      );
      expect(outcomes).toMatchObject(
        outcomes.map(() => ({ reason: { code: "ARRAY_FORBIDDEN" } })),
      );
      await expect(read(client)).resolves.toEqual([]);
    }
    expect(rig.logins).toBe(2);
    expect(rig.server.calls("POST login")).toHaveLength(2);
    // The first eight twice.
    expect(rig.server.calls("PATCH volumes")).toHaveLength(32);
  });

  it("is replaced again for a missing right when a while is over", async () => {
    const client = await rig.open({ forbiddenMs: 200 });
    rig.server.serve = forbidden;
    await expect(rename(client)).rejects.toThrow("ARRAY_FORBIDDEN");
    expect(rig.logins).toBe(2);
    await eventually("another login", async () => {
      await expect(rename(client)).rejects.toThrow("ARRAY_FORBIDDEN");
      return rig.logins === 3;
    });
  });

  it("is replaced again for a right that was missing once the array has given it", async () => {
    const client = await rig.open();
    rig.server.cue("PATCH volumes", forbidden, forbidden);
    await expect(rename(client)).rejects.toThrow("ARRAY_FORBIDDEN");
    await rename(client);
    rig.server.cue("PATCH volumes", forbidden);
    await expect(rename(client)).resolves.toEqual([]);
    expect(rig.logins).toBe(3);
  });

  it("that was replaced meanwhile is used for the replay of a call that is known to be forbidden", async () => {
    const client = await rig.open();
    rig.server.cue("PATCH volumes", forbidden, forbidden);
    await expect(rename(client)).rejects.toThrow("ARRAY_FORBIDDEN");
    let release = () => {};
    rig.server.cue("PATCH volumes", (request, response) => {
      release = () => {
        forbidden(request, response);
      };
    });
    const late = rename(client);
    await eventually(
      "it is there",
      () => rig.server.calls("PATCH volumes").length === 3,
    );
    rig.server.sessions.clear();
    await read(client);
    release();
    await expect(late).resolves.toEqual([]);
    expect(rig.logins).toBe(3);
  });

  it("that was just replaced after a 401 is not replaced again for a 403", async () => {
    const client = await rig.open();
    rig.server.sessions.clear();
    rig.server.serve = forbidden;
    await expect(rename(client)).rejects.toThrow("ARRAY_FORBIDDEN");
    // The login after the 401 was fresh enough.
    expect(rig.logins).toBe(2);
  });

  it("that ends with a 403 for a call that is aborted meanwhile is not replayed", async () => {
    const client = await rig.open();
    for (const refusal of [unauthorized, forbidden]) {
      const before = rig.server.calls("PATCH volumes").length;
      let release = () => {};
      rig.server.cue("PATCH volumes", (request, response) => {
        release = () => {
          refusal(request, response);
        };
      });
      const abort = new AbortController();
      const renaming = rename(client, abort);
      await eventually(
        "it is there",
        () => rig.server.calls("PATCH volumes").length === before + 1,
      );
      abort.abort(new Error("enough"));
      release();
      await expect(renaming).rejects.toThrow("enough");
      expect(rig.server.calls("PATCH volumes")).toHaveLength(before + 1);
    }
  });

  it.each([
    ["401", json(401, { errors: [{ message: "Bad token." }] })],
    ["403", json(403, { message: "Bad token." })],
    ["400", json(400, { errors: [{ message: "Bad token." }] })],
  ])(
    "is not to be had with a wrong API token, told by a %s",
    async (_, answer) => {
      rig.server.cue("POST login", answer);
      await expect(rig.open({ apiToken: "wrong-token" })).rejects.toMatchObject(
        {
          code: "ARRAY_LOGIN",
          retry: "never",
          message: expect.stringMatching(
            /Bad token.*API token is wrong or expired/,
          ),
        },
      );
      expect(rig.server.calls("POST login")).toHaveLength(1);
    },
  );

  it("is not asked for again with each call while its token is refused", async () => {
    const client = await rig.open();
    rig.server.sessions.clear();
    const before = rig.server.calls("POST login").length;
    const refused = json(401, { errors: [{ message: "Bad token." }] });
    rig.server.cue("POST login", ...Array.from({ length: 20 }, () => refused));
    for (let call = 0; call < 20; call += 1) {
      await expect(
        client.list("volumes", {}, item, never),
      ).rejects.toMatchObject({ code: "ARRAY_LOGIN" });
    }
    expect(rig.server.calls("POST login")).toHaveLength(before + 1);
  });

  it("is tried again when the login fails on the way", async () => {
    rig.server.cue("POST login", plain(503, "<html>"), json(200, {}));
    await rig.open();
    expect(rig.server.calls("POST login")).toHaveLength(3);
    expect(rig.logins).toBe(1);
  });

  it("is waited for by each call only as long as that call may last", async () => {
    const client = await rig.open();
    rig.server.sessions.clear();
    rig.server.cue("POST login", hang);
    const abort = new AbortController();
    const aborted = client.list("volumes", {}, item, abort);
    await eventually(
      "a login is under way",
      () => rig.server.calls("POST login").length === 2,
    );
    abort.abort(new Error("enough"));
    await expect(aborted).rejects.toThrow("enough");
  });

  it("does not hold up the end when the array is silent", async () => {
    const client = await rig.open();
    rig.server.cue("POST logout", hang);
    const startMs = performance.now();
    await client[Symbol.asyncDispose]();
    expect(performance.now() - startMs).toBeLessThan(4500);
    expect(rig.server.calls("POST logout")).toHaveLength(1);
  });

  it("and the API token are in no log line, report or error", async () => {
    const client = await rig.open();
    const [session] = rig.server.sessions;
    rig.server.cue("PATCH volumes", plain(503), (_, response) => {
      response.socket?.destroy();
    });
    const errors = [
      await rename(client).catch((error: unknown) => error),
      await rename(client).catch((error: unknown) => error),
    ] as Error[];
    const told = JSON.stringify([
      rig.lines,
      rig.reports,
      errors.map((error) => [error.message, error.stack, String(error.cause)]),
    ]);
    expect(told).toContain("ARRAY_OUTCOME_UNKNOWN");
    expect(told).not.toContain(goodApiToken);
    expect(told).not.toContain(session);
  });

  it("is used with the agreed version, and every request has its own id in the log and on the wire", async () => {
    const client = await rig.open();
    await read(client);
    expect(client.version).toEqual({ major: 2, minor: 26 });
    const [call] = rig.server.calls("GET volumes");
    expect(call?.url).toMatch(/^\/api\/2\.26\/volumes\?/);
    expect(call?.headers["user-agent"]).toBe("image-volume-cache/0 (test)");
    const line = rig.lines.find(({ fields }) => fields["path"] === "volumes");
    expect(line).toMatchObject({
      level: "debug",
      fields: {
        method: "GET",
        status: 200,
        requestId: call?.headers["x-request-id"],
        ms: expect.any(Number),
      },
    });
  });
});
