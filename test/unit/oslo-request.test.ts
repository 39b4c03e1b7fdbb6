import { describe, expect, it } from "@jest/globals";
import {
  readAccess,
  readAddress,
  readArgs,
  readCall,
} from "../../daemon/consumers/oslo-request.ts";

const now = 1_000_000;
const call = { _msg_id: "m1", _reply_q: "reply_1", _unique_id: "u1" };
const address = (different: object, expiration?: string) =>
  readAddress({ ...call, ...different }, expiration, now);

describe("readAddress", () => {
  it("reads a call", () => {
    expect(address({ _timeout: 30 }, "60000")).toEqual({
      uniqueId: "u1",
      lacksReplyQueue: false,
      reply: {
        replyQueue: "reply_1",
        msgId: "m1",
        deadlineMs: now + 60_000,
        monitorTimeoutS: 30,
      },
    });
  });

  it("takes a request without _msg_id for a cast, whatever else it has", () => {
    expect(readAddress({ _reply_q: "amq.x" }, undefined, now)).toEqual({
      uniqueId: null,
      lacksReplyQueue: false,
      reply: null,
    });
  });

  it("tells a call without a queue", () => {
    expect(address({ _reply_q: null })).toMatchObject({
      reply: null,
      lacksReplyQueue: true,
    });
  });

  it.each([
    ["reply_host:cinder-volume:1", true],
    ["x".repeat(255), true],
    ["x".repeat(256), false],
    ["", false],
    ["amq.rabbitmq.reply-to", false],
    ["a b", false],
    ["a\nb", false],
    ["größe", false],
    [7, false],
  ])("judges the reply queue %j", (queue, isFine) => {
    const reading = () => address({ _reply_q: queue });
    const thrown = isFine ? null : "REPLY_Q_INVALID";
    let code: unknown = null;
    try {
      reading();
    } catch (error) {
      ({ code } = error as { code: unknown });
    }
    expect(code).toBe(thrown);
  });

  it.each([
    [2, 2],
    [2.9, 2],
    [1, null],
    [1.9, null],
    ["30", null],
    [null, null],
    [Number.NaN, null],
    [Infinity, null],
  ])("reads _timeout %p as %p", (timeout, expected) => {
    expect(address({ _timeout: timeout }).reply?.monitorTimeoutS).toBe(
      expected,
    );
  });

  it.each([
    ["0", now],
    ["", null],
    ["-5", null],
    ["1e3", null],
    [undefined, null],
  ])("reads expiration %p as %p", (expiration, expected) => {
    expect(address({}, expiration).reply?.deadlineMs).toBe(expected);
  });

  it.each([
    ["_msg_id", 5],
    ["_msg_id", ""],
  ])("refuses %s %j", (key, value) => {
    expect(() => address({ [key]: value })).toThrow(/^ENVELOPE_INVALID: /u);
  });

  it("does without a _unique_id that is none", () => {
    expect(address({ _unique_id: "x".repeat(256) }).uniqueId).toBeNull();
  });
});

describe("readAccess", () => {
  it.each([
    [{ _context_project_id: "p", _context_tenant: "t" }, "p"],
    [{ _context_project_id: null, _context_tenant: "t" }, "t"],
    [{ _context_project: "q" }, "q"],
    [{ _context_project_id: "" }, null],
    [{}, null],
  ])("finds the project in %j", (context, projectId) => {
    expect(readAccess(context).projectId).toBe(projectId);
  });

  it.each([["x".repeat(256)], [{}], [7], ["a\u0000b"]])(
    "refuses the project %j",
    (projectId) => {
      expect(() => readAccess({ _context_project_id: projectId })).toThrow(
        /^CONTEXT_INVALID: project_id/u,
      );
    },
  );

  it("takes nothing but true for an admin, and only strings for roles", () => {
    expect(
      readAccess({
        _context_is_admin: "true",
        _context_roles: ["a", 1, null, "b"],
      }),
    ).toMatchObject({ isAdmin: false, roles: ["a", "b"] });
    expect(
      readAccess({ _context_is_admin: true, _context_roles: "admin" }),
    ).toMatchObject({ isAdmin: true, roles: [] });
  });
});

describe("readCall and readArgs", () => {
  it("has oslo's defaults", () => {
    expect(readCall({ method: "m" })).toEqual({
      method: "m",
      namespace: null,
      version: "1.0",
    });
    expect(readCall({ method: "m", version: null }).version).toBeNull();
    expect({ ...readArgs({}) }).toEqual({});
  });

  it.each([[null], [[]], ["x"]])("refuses args %j", (args) => {
    expect(() => readArgs({ args })).toThrow(/^ARG_INVALID: /u);
  });
});
