import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:tls";
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
} from "@jest/globals";
import { type RestRig, rigToken, startRestRig } from "../helpers/rest-rig.ts";

let rig: RestRig;
beforeAll(async () => {
  rig = await startRestRig();
});
afterAll(async () => await rig[Symbol.asyncDispose]());
beforeEach(() => {
  rig.things.length = 0;
});

describe("The simulator's TLS", () => {
  it("is trusted with its own authority, for its address and for localhost, and has the fingerprint it tells", async () => {
    for (const servername of ["localhost", ""]) {
      const socket = connect({
        host: "127.0.0.1",
        port: Number(new URL(rig.server.url).port),
        ca: rig.ca,
        ...(servername !== "" && { servername }),
      });
      await once(socket, "secureConnect");
      const { raw } = socket.getPeerCertificate();
      expect(socket.authorized).toBe(true);
      const certificate = new X509Certificate(raw);
      expect(certificate.fingerprint256).toBe(rig.fingerprint);
      expect(certificate.checkIP("::1")).toBe("::1");
      socket.destroy();
    }
  });

  it("is not trusted without", async () => {
    const socket = connect({
      host: "127.0.0.1",
      port: Number(new URL(rig.server.url).port),
    });
    await expect(once(socket, "secureConnect")).rejects.toMatchObject({
      code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    });
  });
});

describe("The versions", () => {
  it("are listed without a session, the old ones first", async () => {
    const { status, text } = await rig.raw({ path: "/api/api_version" });
    const { version } = JSON.parse(text) as { version: string[] };
    expect(status).toBe(200);
    expect(version.slice(0, 2)).toEqual(["1.0", "1.1"]);
    expect(version.slice(19)).toEqual(["1.19", "2.0", "2.4", "2.16", "2.26"]);
  });

  it.each([
    ["a version that is not there", "/api/2.27/things"],
    ["a version between those that are", "/api/2.9/things"],
    ["a version of the old kind", "/api/1.19/volume"],
    ["a path that is not there", "/api/2.26/thing"],
    ["a path that came later", "/api/2.0/arrays"],
    ["another place", "/"],
    ["a path with a slash too many", "/api/2.26/things/"],
  ])("answer 404 to %s, with or without a session", async (_, path) => {
    expect((await rig.raw({ path })).status).toBe(404);
    const headers = { "x-auth-token": await rig.login() };
    expect((await rig.raw({ path, headers })).status).toBe(404);
  });

  it("answer 405 to a method that is not there, and name those that are", async () => {
    const { status, headers } = await rig.send({
      path: "things",
      method: "PUT",
    });
    expect(status).toBe(405);
    expect(headers.allow).toBe("GET, POST, DELETE");
  });

  it("change with an upgrade", async () => {
    await using other = await startRestRig(["2.26"]);
    other.server.setVersions(["2.26", "2.27"]);
    other.things.push({ name: "a", nsid: 1 });
    expect(
      JSON.parse((await other.send({ path: "things" })).text),
    ).toMatchObject({ items: [{ name: "a" }] });
    const newer = await other.send({ path: "things", version: "2.27" });
    expect(JSON.parse(newer.text)).toMatchObject({
      items: [{ name: "a", nsid: 1 }],
    });
  });
});

describe("A session", () => {
  const list = async (token?: string, version = "2.26") =>
    await rig.raw({
      path: `/api/${version}/things`,
      ...(token !== undefined && { headers: { "x-auth-token": token } }),
    });

  it("is opened with the API token, tells the user, and ends with a logout", async () => {
    const answer = await rig.raw({
      method: "POST",
      path: "/api/2.4/login",
      headers: { "API-Token": rigToken },
    });
    expect(JSON.parse(answer.text)).toEqual({
      items: [{ username: "pureuser" }],
    });
    const token = String(answer.headers["x-auth-token"]);
    expect((await list(token)).status).toBe(200);
    const out = await rig.raw({
      method: "POST",
      path: "/api/2.4/logout",
      headers: { "x-auth-token": token },
    });
    expect([out.status, out.text]).toEqual([200, ""]);
    expect((await list(token)).status).toBe(401);
  });

  it("has its header in one case and in another", async () => {
    const names = new Set<string>();
    for (let login = 0; login < 2; login += 1) {
      const { rawHeaders } = await rig.raw({
        method: "POST",
        path: "/api/2.4/login",
        headers: { "api-token": rigToken },
      });
      names.add(rawHeaders.find((name) => /^x-auth-token$/iu.test(name)) ?? "");
    }
    expect([...names].toSorted()).toEqual(["X-Auth-Token", "x-auth-token"]);
  });

  it("is not opened with another token, none, a body or a query", async () => {
    const before = rig.server.sessions.logins;
    const login = async (request: object, path = "/api/2.26/login") =>
      (await rig.raw({ method: "POST", path, ...request })).status;
    expect(await login({ headers: { "api-token": "wrong" } })).toBe(401);
    expect(await login({})).toBe(401);
    const headers = { "api-token": rigToken };
    expect(await login({ headers, body: "{}" })).toBe(400);
    expect(await login({ headers }, "/api/2.26/login?a=b")).toBe(400);
    expect((await rig.raw({ path: "/api/2.26/login", headers })).status).toBe(
      405,
    );
    expect(rig.server.sessions.logins).toBe(before);
  });

  it("that is not there answers 401, with the place of the error in newer versions only", async () => {
    for (const token of [undefined, "made-up"]) {
      const newer = await list(token, "2.26");
      expect(newer.status).toBe(401);
      expect(JSON.parse(newer.text)).toEqual({
        errors: [
          {
            message: "Invalid session.",
            location_context: {
              name: "fa1",
              id: null,
              resource_type: "remote-arrays",
            },
          },
        ],
      });
      const older = await list(token, "2.16");
      expect(JSON.parse(older.text)).toEqual({
        errors: [{ message: "Invalid session.", context: null }],
      });
    }
  });

  it("ends when it was idle for the whole time, and not before", async () => {
    await using other = await startRestRig();
    other.settings.idleTimeoutMs = 300_000;
    const status = async () => (await other.send({ path: "things" })).status;
    other.clock.advance(290_000);
    expect(await status()).toBe(200);
    other.clock.advance(290_000);
    expect(await status()).toBe(200);
    other.clock.advance(300_000);
    expect(await status()).toBe(401);
    expect(other.server.sessions.size).toBe(0);
  });

  it("lasts for ever with an idle time of 0", async () => {
    await using other = await startRestRig();
    other.settings.idleTimeoutMs = 0;
    other.clock.advance(10 * 365 * 86_400_000);
    expect((await other.send({ path: "things" })).status).toBe(200);
  });

  it("ends with all others when they are revoked", async () => {
    await using other = await startRestRig();
    const second = await other.login();
    other.server.sessions.revokeAll();
    expect((await other.send({ path: "things" })).status).toBe(401);
    const headers = { "x-auth-token": second };
    expect(
      (await other.raw({ path: "/api/2.26/things", headers })).status,
    ).toBe(401);
    expect(other.server.sessions.logins).toBe(2);
  });
});

describe("A request", () => {
  it("has its id in the answer, or gets one", async () => {
    const own = await rig.send({
      path: "things",
      headers: { "X-Request-ID": "mine-1" },
    });
    expect(own.headers["x-request-id"]).toBe("mine-1");
    const made = await rig.send({ path: "things" });
    expect(made.headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/u);
  });

  it("that deletes has an empty answer", async () => {
    rig.things.push({ name: "a" });
    const { status, text } = await rig.send({
      path: "things?names=a",
      method: "DELETE",
    });
    expect([status, text, rig.things]).toEqual([200, "", []]);
  });

  it("that the simulator itself fails to do answers 500 and says so", async () => {
    const { status, text } = await rig.send({ path: "arrays" });
    expect(status).toBe(500);
    expect(text).toMatch(
      /The simulator failed: Error: the simulator has a mistake/u,
    );
  });

  it("is in the log with all but its secrets", async () => {
    const mark = rig.server.log.mark();
    await rig.send({
      path: "things?names=a,b&overwrite=true",
      method: "POST",
      headers: { "X-Request-ID": "r-1" },
      body: '{"size":7,"chap":{"host_password":"geheim"},"tags":[{"key":"k"}]}',
    });
    await rig.login();
    await rig.raw({
      path: "/api/2.26/things?names=a",
      headers: { "x-auth-token": "x" },
    });
    const logged = rig.server.log.since(mark);
    expect(logged).toMatchObject([
      {
        at: expect.any(Number),
        id: "r-1",
        method: "POST",
        path: "things",
        version: "2.26",
        query: { names: "a,b", overwrite: "true" },
        body: { size: 7, chap: { host_password: "***" }, tags: [{ key: "k" }] },
        status: 200,
        user: "pureuser",
        ms: expect.any(Number),
      },
      {
        method: "POST",
        path: "login",
        status: 200,
        body: null,
        user: "pureuser",
      },
      {
        method: "GET",
        path: "things",
        status: 401,
        user: null,
        error: "Invalid session.",
      },
    ]);
    expect(JSON.stringify(logged)).not.toMatch(
      new RegExp(`geheim|${rigToken}`, "u"),
    );
    expect(rig.server.log.calls("POST", "login", mark)).toHaveLength(1);
    expect(rig.server.log.calls("DELETE", "things", mark)).toEqual([]);
  });
});
