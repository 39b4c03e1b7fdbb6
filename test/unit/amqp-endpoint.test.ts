import { describe, expect, it } from "@jest/globals";
import * as fc from "fast-check";
import { parseAmqpUrl } from "../../daemon/consumers/amqp-endpoint.ts";

const one = (url: string, credentials = {}) =>
  parseAmqpUrl(url, credentials)[0];

describe("parseAmqpUrl", () => {
  it("reads several hosts and one vhost; a host without a user takes the first", () => {
    const shared = { vhost: "/cinder", tls: null };
    expect(
      parseAmqpUrl("amqp://u%40x:p%2Fw@h1:5673,h2,v:q@[::1]:5672/%2Fcinder"),
    ).toEqual([
      { ...shared, host: "h1", port: 5673, username: "u@x", password: "p/w" },
      { ...shared, host: "h2", port: 5672, username: "u@x", password: "p/w" },
      { ...shared, host: "::1", port: 5672, username: "v", password: "q" },
    ]);
  });

  it.each([
    ["h1", "/"],
    ["amqp://h1", "/"],
    ["amqp://h1/", "/"],
    ["amqp://h1/%2F", "/"],
    ["amqp://h1//", "/"],
    ["amqp://h1/v", "v"],
    ["rabbit://h1/v", "v"],
    ["amqp://h1:1,amqp://h2:2/v", "v"],
  ])("reads the vhost of %s as %s", (url, vhost) => {
    expect(one(url)).toMatchObject({ host: "h1", vhost });
  });

  it("reads a plain list of hosts", () => {
    expect(
      parseAmqpUrl("h1:5672, h2:5673").map(({ host, port }) => [host, port]),
    ).toEqual([
      ["h1", 5672],
      ["h2", 5673],
    ]);
  });

  it("uses TLS and its port for amqps", () => {
    expect(one("amqps://h")).toMatchObject({ port: 5671, tls: { ca: null } });
  });

  it("takes user and password given apart", () => {
    expect(one("amqp://u:p@h", { password: "secret" })).toMatchObject({
      username: "u",
      password: "secret",
    });
    expect(one("amqp://h", { username: "x", password: null })).toMatchObject({
      username: "x",
      password: "guest",
    });
  });

  it("round-trips users, passwords and vhosts", () => {
    const texts = fc.string({ minLength: 1, unit: "binary" });
    fc.assert(
      fc.property(texts, texts, texts, (user, password, vhost) => {
        fc.pre([user, password, vhost].every((text) => text.isWellFormed()));
        const [u, p, v] = [user, password, vhost].map(encodeURIComponent);
        expect(one(`amqp://${u}:${p}@h/${v}`)).toMatchObject({
          username: user,
          password,
          vhost,
        });
      }),
    );
  });

  it.each([
    "http://h",
    "amqp://",
    "amqp://u:canary@",
    "amqp://u:canary@h:99999",
    "amqp://u:canary@h:0",
    "amqp://u:canary@h:x",
    "amqp://u:can%ary@h",
    "amqp://u:canary@h/v?heartbeat=1",
    "amqp://u:canary@h/v,amqp://h2/v",
    "amqp://u:canary@h one",
  ])("refuses %s without telling the password", (url) => {
    let failure: unknown = null;
    try {
      parseAmqpUrl(url);
    } catch (error) {
      failure = error;
    }
    expect(failure).toMatchObject({ code: "AMQP_URL" });
    expect(String(failure)).not.toMatch(/canary|can%ary/u);
  });

  it("tells a CA file that cannot be read", () => {
    expect(() => parseAmqpUrl("amqps://h", { caFile: "/no/such.pem" })).toThrow(
      /^AMQP_CA: .*\/no\/such\.pem/u,
    );
  });
});
