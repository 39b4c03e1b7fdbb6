import { deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "@jest/globals";
import * as fc from "fast-check";
import {
  openEnvelope,
  sealEnvelope,
  trySealEnvelope,
} from "../../daemon/consumers/oslo-envelope.ts";

const gzip = { compression: "application/x-gzip" };
const open = (body: string | Buffer, headers = {}) =>
  openEnvelope(Buffer.from(body), headers);
const wrap = (message: string, version = "2.0") =>
  JSON.stringify({ "oslo.version": version, "oslo.message": message });

describe("openEnvelope", () => {
  it("opens what sealEnvelope sealed, compressed or not", () => {
    const messages = fc.dictionary(
      fc.string().filter((key) => key !== "__proto__"),
      fc.jsonValue({ maxDepth: 4 }),
    );
    fc.assert(
      fc.property(messages, fc.boolean(), (message, isCompressed) => {
        const text = JSON.stringify(message);
        fc.pre(!text.includes("__proto__"));
        const { content } = sealEnvelope(message);
        const result = isCompressed
          ? open(deflateSync(content), gzip)
          : open(content);
        expect(JSON.stringify(result)).toBe(text);
      }),
    );
  });

  it("takes a request without an envelope, as oslo does", () => {
    expect(open('{"method":"echo"}')).toEqual({ method: "echo" });
  });

  it.each([
    ["no JSON", "hello", {}, "ENVELOPE_INVALID"],
    ["an empty body", "", {}, "ENVELOPE_INVALID"],
    ["an array", "[]", {}, "ENVELOPE_INVALID"],
    ["null", "null", {}, "ENVELOPE_INVALID"],
    ["a number", "5", {}, "ENVELOPE_INVALID"],
    ["version 3.0", wrap("{}", "3.0"), {}, "ENVELOPE_VERSION"],
    ["version 2.1", wrap("{}", "2.1"), {}, "ENVELOPE_VERSION"],
    ["no version", '{"oslo.message":"{}"}', {}, "ENVELOPE_VERSION"],
    ["an object without anything", "{}", {}, "ENVELOPE_VERSION"],
    [
      "a version that is a number",
      '{"oslo.version":2.0,"oslo.message":"{}"}',
      {},
      "ENVELOPE_VERSION",
    ],
    ["no message", '{"oslo.version":"2.0"}', {}, "ENVELOPE_INVALID"],
    [
      "a message that is an object",
      '{"oslo.version":"2.0","oslo.message":{}}',
      {},
      "ENVELOPE_INVALID",
    ],
    ["a message that is no JSON", wrap("{"), {}, "ENVELOPE_INVALID"],
    ["a message that is an array", wrap("[]"), {}, "ENVELOPE_INVALID"],
    [
      "bytes that are not UTF-8",
      Buffer.from([0x22, 0xc3, 0x28, 0x22]),
      {},
      "ENVELOPE_INVALID",
    ],
    [
      "nesting within the message",
      wrap("[".repeat(100)),
      {},
      "ENVELOPE_TOO_COMPLEX",
    ],
    ["a large body", " ".repeat(1024 * 1024 + 1), {}, "MESSAGE_TOO_BIG"],
    [
      "a body that grows large",
      deflateSync(Buffer.alloc(50 * 1024 * 1024)),
      gzip,
      "MESSAGE_TOO_BIG",
    ],
    ["real gzip under the name", gzipSync("{}"), gzip, "ENVELOPE_INVALID"],
    ["bzip2", "x", { compression: "application/x-bz2" }, "ENVELOPE_INVALID"],
    ["a strange compression", "x", { compression: {} }, "ENVELOPE_INVALID"],
  ])("refuses %s", (_name, body, headers, code) => {
    expect(() => open(body, headers)).toThrow(
      expect.objectContaining({
        code,
        message: expect.stringMatching(new RegExp(`^${code}: `, "u")),
      }),
    );
  });

  it("takes a message of just the largest size", () => {
    const room = 1024 * 1024 - wrap('{"a":""}').length;
    expect(open(wrap(`{"a":"${"x".repeat(room)}"}`))["a"]).toHaveLength(room);
  });

  it("never fails but with an error of ours, whatever the bytes", () => {
    const codes = new Set([
      "ENVELOPE_INVALID",
      "ENVELOPE_VERSION",
      "ENVELOPE_TOO_COMPLEX",
      "MESSAGE_TOO_BIG",
    ]);
    fc.assert(
      fc.property(fc.uint8Array(), fc.boolean(), (bytes, isCompressed) => {
        let code: unknown = "ENVELOPE_INVALID";
        try {
          open(Buffer.from(bytes), isCompressed ? gzip : {});
        } catch (error) {
          ({ code } = error as { code: unknown });
        }
        expect(codes).toContain(code);
      }),
    );
  });
});

describe("trySealEnvelope", () => {
  it("answers null for what is too large or no JSON", () => {
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    expect(trySealEnvelope(circle, 1000)).toBeNull();
    expect(trySealEnvelope({ big: 1n }, 1000)).toBeNull();
    expect(trySealEnvelope({ text: "x".repeat(1000) }, 1000)).toBeNull();
    expect(trySealEnvelope({ text: "x" }, 1000)).not.toBeNull();
  });
});
