import { describe, expect, it } from "@jest/globals";
import { pythonTimestamp } from "../../daemon/consumers/oslo-notification.ts";
import {
  encodeHeartbeat,
  encodeReply,
} from "../../daemon/consumers/oslo-reply.ts";
import { RequestError, faultOf } from "../../daemon/errors.ts";
import type { Outcome } from "../../daemon/jobs/job.ts";

const target = {
  replyQueue: "q",
  msgId: "m",
  deadlineMs: null,
  monitorTimeoutS: null,
};
const decode = (content: Buffer) => {
  const outer = JSON.parse(content.toString()) as Record<string, string>;
  return JSON.parse(outer["oslo.message"] ?? "") as Record<string, unknown>;
};
const reply = (outcome: Outcome) =>
  decode(encodeReply(target, "u", outcome).content);
const failure = (error: unknown) =>
  JSON.parse(
    String(reply({ kind: "failure", fault: faultOf(error) })["failure"]),
  ) as Record<string, unknown>;

describe("encodeReply", () => {
  it.each([
    [{ a: [1, null] }, { a: [1, null] }],
    [null, null],
    [undefined, null],
    ["", ""],
    [false, false],
  ])("sends the result %j", (result, expected) => {
    expect(reply({ kind: "result", result })).toEqual({
      result: expected,
      failure: null,
      ending: true,
      _msg_id: "m",
      _unique_id: "u",
    });
  });

  it("sends a failure as Cinder's exception: a string with JSON", () => {
    const error = new RequestError("VOLUME_NOT_FOUND", "no volume v-1", {
      remoteClass: "VolumeNotFound",
      status: 404,
    });
    const message = "VOLUME_NOT_FOUND: no volume v-1";
    expect(failure(error)).toEqual({
      class: "VolumeNotFound",
      module: "cinder.exception",
      message,
      tb: [],
      args: [message],
      kwargs: { code: 404, error_code: "VOLUME_NOT_FOUND" },
    });
  });

  it("sends nothing of what is not an error of ours", () => {
    expect(JSON.stringify(failure(new TypeError("canary")))).not.toContain(
      "canary",
    );
  });

  it("keeps long and broken texts sendable", () => {
    const { message } = failure(
      new RequestError("X", `\ud800${"y".repeat(10_000)}`),
    );
    expect(message).toHaveLength(4096);
    expect(String(message).isWellFormed()).toBe(true);
  });

  it.each([
    ["too large", "x".repeat(5 * 1024 * 1024)],
    ["no JSON", 1n],
  ])("turns a result that is %s into a failure", (_name, result) => {
    const { failure: text, result: sent } = reply({ kind: "result", result });
    expect(sent).toBeNull();
    expect(JSON.parse(String(text))).toMatchObject({
      kwargs: { error_code: "REPLY_TOO_BIG" },
    });
  });
});

describe("encodeHeartbeat", () => {
  it("is a reply that does not end, with an id of its own", () => {
    const [first, second] = [
      encodeHeartbeat(target),
      encodeHeartbeat(target),
    ].map(({ content }) => decode(content));
    expect(first).toMatchObject({
      result: null,
      failure: null,
      ending: false,
      _msg_id: "m",
    });
    expect(first?.["_unique_id"]).toMatch(/^[0-9a-f]{32}$/u);
    expect(second?.["_unique_id"]).not.toBe(first?.["_unique_id"]);
  });
});

describe("pythonTimestamp", () => {
  it("looks like str(datetime)", () => {
    expect(pythonTimestamp(Date.UTC(2026, 0, 2, 3, 4, 5, 6))).toBe(
      "2026-01-02 03:04:05.006000",
    );
  });
});
