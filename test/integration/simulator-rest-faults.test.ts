import { Agent } from "node:https";
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
} from "@jest/globals";
import type { Fault } from "../../simulator/faults/fault.ts";
import { eventually } from "../helpers/eventually.ts";
import {
  type RestRig,
  type RigRequest,
  startRestRig,
} from "../helpers/rest-rig.ts";

let rig: RestRig;
beforeAll(async () => {
  rig = await startRestRig();
});
afterAll(async () => await rig[Symbol.asyncDispose]());
beforeEach(() => {
  rig.things.length = 0;
  rig.server.faults.clear();
});

const create: RigRequest = { path: "things?names=a", method: "POST" };

/** What a client sees: a status, or the code of its error. */
async function outcome(request: RigRequest): Promise<unknown> {
  try {
    return (await rig.send(request)).status;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

function logged(mark: number) {
  return rig.server.log.since(mark).map(({ status }) => status);
}

describe("A fault", () => {
  it.each<readonly [Fault, unknown, number]>([
    [{ kind: "reset-before" }, "ECONNRESET", 0],
    [{ kind: "reset-after" }, "ECONNRESET", 1],
    [{ kind: "cut-off" }, "ECONNRESET", 1],
    [{ kind: "truncated-json" }, 200, 1],
    [{ kind: "slow", ms: 10 }, 200, 1],
    [{ kind: "unauthorized" }, 401, 0],
    [{ kind: "forbidden" }, 403, 0],
    [{ kind: "too-many-requests" }, 429, 0],
    [{ kind: "unavailable" }, 503, 0],
    [{ kind: "server-error" }, 500, 0],
    [{ kind: "refuse", message: "Array is full." }, 400, 0],
  ])("%j is seen as %s and has made %i things", async (fault, seen, made) => {
    await using other = await startRestRig();
    const active = other.server.faults.add({ path: "things", fault });
    const mark = other.server.log.mark();
    const sent = other.send(create).then(
      ({ status }) => status,
      (error: { code?: unknown }) => error.code,
    );
    await expect(sent).resolves.toBe(seen);
    expect(other.things).toHaveLength(made);
    expect(active).toMatchObject({ calls: 1, left: 0 });
    const [entry] = other.server.log.since(mark);
    expect(entry?.status).toBe(seen === "ECONNRESET" ? "reset" : seen);
  });

  /** Sends it, and gives up once the array has it. */
  async function giveUpOn(request: RigRequest, mark: number): Promise<unknown> {
    const giveUp = new AbortController();
    const sent = rig.send({ ...request, signal: giveUp.signal }).then(
      () => "answered",
      (error: Error) => error.name,
    );
    await eventually("it has arrived", () => logged(mark)[0] === "open");
    giveUp.abort();
    return await sent;
  }

  it("of a slow array holds the answer back, and the work is done even if the client has gone", async () => {
    rig.server.faults.add({ fault: { kind: "slow", ms: 1000 } });
    const mark = rig.server.log.mark();
    await expect(giveUpOn(create, mark)).resolves.toBe("AbortError");
    expect(rig.things).toEqual([]);
    await eventually("the thing is made", () => rig.things.length === 1);
  });

  it("of a hanging array gives no answer until the client or the array ends", async () => {
    const mark = rig.server.log.mark();
    rig.server.faults.add({ fault: { kind: "hang" } });
    await expect(giveUpOn(create, mark)).resolves.toBe("AbortError");
    await eventually(
      "it is logged as reset",
      () => logged(mark)[0] === "reset",
    );
    const other = await startRestRig();
    other.server.faults.add({ fault: { kind: "hang" } });
    const hanging = other.send(create).then(
      () => "answered",
      (error: { code?: unknown }) => error.code,
    );
    await eventually(
      "it hangs",
      () => other.server.log.calls("POST", "things").length === 1,
    );
    await other[Symbol.asyncDispose]();
    await expect(hanging).resolves.toBe("ECONNRESET");
    expect([...rig.things, ...other.things]).toEqual([]);
  });

  it("of the gateway has headers of rate limits and no list of errors", async () => {
    const headers = { "Retry-After": "7", "X-RateLimit-Remaining-minute": "0" };
    rig.server.faults.add({ fault: { kind: "too-many-requests", headers } });
    const answer = await rig.send(create);
    expect(answer.headers).toMatchObject({
      "retry-after": "7",
      "x-ratelimit-remaining-minute": "0",
      "x-ratelimit-limit-second": "10",
    });
    expect(JSON.parse(answer.text)).toEqual({ message: expect.any(String) });
  });

  it("of a page, of nothing and of a refusal have the bodies that arrays and gateways send", async () => {
    rig.server.faults.add({ fault: { kind: "unavailable" } });
    rig.server.faults.add({ fault: { kind: "server-error" } });
    rig.server.faults.add({
      fault: { kind: "refuse", message: "limit reached", context: "a" },
    });
    const page = await rig.send(create);
    expect([page.headers["content-type"], page.text]).toEqual([
      "text/html",
      expect.stringContaining("<html>"),
    ]);
    expect((await rig.send(create)).text).toBe("");
    expect(JSON.parse((await rig.send(create)).text)).toEqual({
      errors: [{ message: "limit reached", context: "a" }],
    });
  });

  it("of truncated JSON is whole for HTTP and broken for JSON", async () => {
    rig.server.faults.add({ fault: { kind: "truncated-json" } });
    const { status, text } = await rig.send(create);
    expect([status, text.startsWith('{"items":[{')]).toEqual([200, true]);
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
  });

  it("of a lost session ends that session", async () => {
    await using other = await startRestRig();
    const second = { "x-auth-token": await other.login() };
    other.server.faults.add({ fault: { kind: "unauthorized" } });
    expect((await other.send({ path: "things" })).status).toBe(401);
    expect((await other.send({ path: "things" })).status).toBe(401);
    expect((await other.send({ path: "things", headers: second })).status).toBe(
      200,
    );
  });

  it("that resets meets one connection of several", async () => {
    const agent = new Agent({ keepAlive: true });
    await rig.send({ path: "things", agent });
    rig.server.faults.add({ method: "POST", fault: { kind: "reset-before" } });
    await expect(rig.send({ ...create, agent })).rejects.toMatchObject({
      code: "ECONNRESET",
    });
    expect((await rig.send({ path: "things", agent })).status).toBe(200);
    agent.destroy();
  });
});

describe("Faults", () => {
  const unavailable = { kind: "unavailable" } as const;

  it("happen once by default, to the requests they are for, in the order they were asked for", async () => {
    const posts = rig.server.faults.add({
      method: "POST",
      path: "things",
      fault: unavailable,
    });
    const any = rig.server.faults.add({
      path: /^thi/u,
      times: 2,
      fault: { kind: "forbidden" },
    });
    expect(await outcome(create)).toBe(503);
    expect(await outcome(create)).toBe(403);
    expect([posts.calls, any.calls, any.left]).toEqual([1, 1, 1]);
    expect(await outcome({ path: "things" })).toBe(403);
    expect(await outcome(create)).toBe(200);
    expect(rig.server.faults.list().map(({ calls }) => calls)).toEqual([1, 2]);
  });

  it("happen after some requests, to some bodies and queries, or always", async () => {
    const late = rig.server.faults.add({
      skip: 1,
      path: "things",
      fault: unavailable,
    });
    expect([
      await outcome(create),
      await outcome(create),
      await outcome(create),
    ]).toEqual([200, 503, 200]);
    late.remove();
    rig.server.faults.add({
      when: ({ body, query }) => body.includes("7") && query === "names=b",
      fault: unavailable,
    });
    expect(await outcome({ ...create, body: '{"size":7}' })).toBe(200);
    expect(
      await outcome({
        path: "things?names=b",
        method: "POST",
        body: '{"size":7}',
      }),
    ).toBe(503);
    const always = rig.server.faults.add({
      times: "always",
      fault: unavailable,
    });
    for (let request = 0; request < 3; request += 1) {
      expect(await outcome(create)).toBe(503);
    }
    expect(always).toMatchObject({ calls: 3, left: "always" });
    always.remove();
    expect(always).toMatchObject({ calls: 3, left: 0 });
    expect(await outcome(create)).toBe(200);
  });

  it("happen to logins and to the list of versions too", async () => {
    rig.server.faults.add({ path: "login", fault: unavailable });
    rig.server.faults.add({ path: "api_version", fault: unavailable });
    await rig.login();
    expect(rig.server.log.since().at(-1)).toMatchObject({
      path: "login",
      status: 503,
    });
    expect((await rig.raw({ path: "/api/api_version" })).status).toBe(503);
    expect((await rig.raw({ path: "/api/api_version" })).status).toBe(200);
  });
});
