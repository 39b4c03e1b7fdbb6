import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { ControlServer } from "../../simulator/control/control-server.ts";
import { type RestRig, startRestRig } from "../helpers/rest-rig.ts";

let rig: RestRig;
let control: ControlServer;
beforeAll(async () => {
  rig = await startRestRig();
  const { server, clock, settings } = rig;
  control = await ControlServer.start(
    {
      log: server.log,
      faults: server.faults,
      sessions: server.sessions,
      clock,
      model: { settings },
      setNewest: (newest) => server.setVersions([newest]),
    },
    0,
  );
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});

async function ask(
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly answer: unknown }> {
  const response = await fetch(`${control.url}${path}`, {
    method,
    headers,
    ...(body !== undefined && {
      body: typeof body === "string" ? body : JSON.stringify(body),
    }),
  });
  return { status: response.status, answer: await response.json() };
}

describe("The simulator's control interface", () => {
  it("makes faults, shows and counts them, and takes them back", async () => {
    const fault = {
      kind: "slow",
      ms: 1,
      pathPattern: "^thi",
      method: "GET",
      skip: 1,
    };
    expect(await ask("POST", "/faults", { ...fault, times: 3 })).toMatchObject({
      status: 200,
      answer: {
        ...fault,
        id: expect.any(Number),
        calls: 0,
        left: 3,
      },
    });
    await ask("POST", "/faults", {
      kind: "refuse",
      message: "limit reached",
      path: "things",
      times: "always",
    });
    await rig.send({ path: "things" });
    const refused = await rig.send({ path: "things", method: "POST" });
    expect([refused.status, refused.text]).toEqual([
      400,
      expect.stringContaining("limit reached"),
    ]);
    expect(await ask("GET", "/faults")).toMatchObject({
      answer: [
        { kind: "slow", calls: 0 },
        { kind: "refuse", calls: 2, left: "always" },
      ],
    });
    expect(await ask("DELETE", "/faults")).toEqual({ status: 200, answer: [] });
    expect((await rig.send({ path: "things" })).status).toBe(200);
  });

  it.each<readonly [string, unknown, RegExp]>([
    ["no kind", { path: "things" }, /"kind" is missing/u],
    ["an unknown kind", { kind: "fire" }, /kinds are reset-before/u],
    ["an unknown field", { kind: "hang", paht: "things" }, /"paht"/u],
    ["a field that is needed", { kind: "slow" }, /"ms" is missing/u],
    ["a broken pattern", { kind: "hang", pathPattern: "(" }, /"pathPattern"/u],
    ["a number that is none", { kind: "hang", times: "twice" }, /"times"/u],
    ["a list", [], /JSON object/u],
    ["no JSON", "{", /no JSON/u],
  ])("refuses a fault with %s", async (_, body, message) => {
    expect(await ask("POST", "/faults", body)).toEqual({
      status: 400,
      answer: { error: expect.stringMatching(message) },
    });
    expect(rig.server.faults.list()).toEqual([]);
  });

  it("puts the clock forward, and so ends sessions", async () => {
    await using other = await startRestRig();
    const { server, clock, settings } = other;
    await using its = await ControlServer.start(
      {
        log: server.log,
        faults: server.faults,
        sessions: server.sessions,
        clock,
        model: { settings },
        setNewest: () => {},
      },
      0,
    );
    const before = clock.now();
    const response = await fetch(`${its.url}/clock`, {
      method: "POST",
      body: '{"advanceMs":1800000}',
    });
    const { now } = (await response.json()) as { now: number };
    expect(now - before).toBeGreaterThanOrEqual(1_800_000);
    expect((await other.send({ path: "things" })).status).toBe(401);
    expect((await ask("POST", "/clock", { advanceMs: -1 })).status).toBe(400);
    expect((await ask("POST", "/clock", {})).status).toBe(400);
  });

  it("tells and changes settings, all or none of them", async () => {
    expect(await ask("GET", "/settings")).toMatchObject({
      answer: { pageSize: 3 },
    });
    expect(await ask("PATCH", "/settings", { pageSize: 2 })).toMatchObject({
      answer: { pageSize: 2 },
    });
    expect(rig.settings.pageSize).toBe(2);
    for (const wrong of [
      { pageSize: 9, pagesize: 1 },
      { pageSize: "9" },
      { pageSize: 9, newest: "3.0" },
    ]) {
      expect((await ask("PATCH", "/settings", wrong)).status).toBe(400);
    }
    expect(rig.settings.pageSize).toBe(2);
    await ask("PATCH", "/settings", { newest: "2.4" });
    expect((await rig.send({ path: "things" })).status).toBe(404);
    await ask("PATCH", "/settings", { newest: "2.26" });
  });

  it("counts and revokes sessions, and reads the log from a mark on", async () => {
    const token = await rig.login();
    expect(await ask("POST", "/sessions/revoke")).toEqual({
      status: 200,
      answer: { open: 0, logins: 2 },
    });
    expect((await rig.send({ path: "things" })).status).toBe(401);
    const { answer } = await ask("GET", "/log");
    const { mark } = answer as { mark: number };
    expect(JSON.stringify(answer)).not.toContain(token);
    await rig.login();
    expect(await ask("GET", `/log?since=${mark}`)).toMatchObject({
      answer: {
        mark: mark + 1,
        requests: [{ method: "POST", path: "login", status: 200 }],
      },
    });
  });

  it("says what there is, and is not for web pages", async () => {
    expect(await ask("GET", "/")).toEqual({
      status: 404,
      answer: { error: expect.stringContaining("POST /faults") },
    });
    expect(
      await ask("POST", "/sessions/revoke", undefined, {
        origin: "http://evil.example",
      }),
    ).toMatchObject({ status: 403 });
  });
});
