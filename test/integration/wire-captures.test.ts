import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "@jest/globals";
import { openEnvelope } from "../../daemon/consumers/oslo-envelope.ts";
import {
  readAccess,
  readAddress,
  readArgs,
  readCall,
} from "../../daemon/consumers/oslo-request.ts";

interface Frame {
  readonly from: string;
  readonly method: string;
  readonly body?: string | { readonly base64: string };
  readonly properties?: {
    readonly headers?: Record<string, unknown>;
    readonly expiration?: string;
  };
}

const folder = process.env["IVC_TEST_WIRE_DIR"];
const withCaptures = folder === undefined ? describe.skip : describe;
if (folder === undefined) {
  console.warn(
    "skipped: IVC_TEST_WIRE_DIR does not name a folder with recorded oslo.messaging frames",
  );
}

function published(file: string): readonly Frame[] {
  const capture = JSON.parse(
    readFileSync(path.join(folder ?? "", file), "utf8"),
  ) as { frames?: readonly Frame[] };
  return (capture.frames ?? []).filter(
    ({ method, body }) => method === "Basic.Publish" && body !== undefined,
  );
}

function opened({ body, properties }: Frame) {
  const content =
    typeof body === "object"
      ? Buffer.from(body.base64, "base64")
      : Buffer.from(body ?? "");
  return openEnvelope(content, properties?.headers ?? {});
}

withCaptures("messages recorded between real OpenStack programs", () => {
  const frames = (folder === undefined ? [] : readdirSync(folder))
    .filter((file) => file.endsWith(".json"))
    .flatMap((file) =>
      published(file).map((frame, index) => ({
        name: `${file} #${index}`,
        frame,
      })),
    );

  const requests = frames.filter(({ frame }) => frame.from === "client");
  const others = frames.filter(({ frame }) => frame.from === "server");

  it("are there", () => {
    expect(requests.length).toBeGreaterThan(20);
    expect(others.length).toBeGreaterThan(20);
  });

  it.each(requests)("are read: $name", ({ frame }) => {
    const message = opened(frame);
    const address = readAddress(message, frame.properties?.expiration, 0);
    expect(address.uniqueId).toMatch(/^[0-9a-f]{32}$/u);
    expect(address.reply === null).toBe(message["_msg_id"] === undefined);
    expect(typeof readCall(message).method).toBe("string");
    expect(typeof readArgs(message)).toBe("object");
    expect(() => readAccess(message)).not.toThrow();
  });

  it.each(others)("are opened: $name", ({ frame }) => {
    expect(opened(frame)).toHaveProperty("_msg_id");
  });
});
