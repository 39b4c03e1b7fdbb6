import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { describe, expect, it } from "@jest/globals";
import {
  GlanceSource,
  type GlanceSourceOptions,
} from "../../../daemon/imagesync/glance/glance-source.ts";
import type { ImageStream } from "../../../daemon/imagesync/image-source.ts";
import { eventually } from "../../helpers/eventually.ts";
import { accessOf, imageOf, unhurried } from "../../helpers/image-requests.ts";
import {
  type ImageServer,
  startImageServer,
} from "../../helpers/image-server.ts";

const image = imageOf();
const { imageId } = image;
const token = "canary-token-4711";

function record(parts: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    id: imageId,
    status: "active",
    name: "debian",
    size: 1_000,
    virtual_size: null,
    min_disk: 2,
    disk_format: "raw",
    container_format: "bare",
    checksum: "d".repeat(32),
    os_hash_algo: "sha512",
    os_hash_value: "A".repeat(128),
    updated_at: "2026-01-02T03:04:05Z",
    ...parts,
  });
}

function sourceOf(
  server: ImageServer,
  options: Partial<GlanceSourceOptions> = {},
): GlanceSource {
  return new GlanceSource({
    endpoint: `${server.origin}/image`,
    retryDelaysMs: [1, 1],
    ...options,
  });
}

function json(response: ServerResponse, body: string): void {
  response.setHeader("content-type", "application/json");
  response.end(body);
}

async function read({ body }: ImageStream): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(body));
}

/** Opens the image's file and reads it; answers the code of the failure. */
async function codeOfDownload(source: GlanceSource): Promise<unknown> {
  try {
    await using stream = await source.open(image, accessOf(), unhurried);
    await read(stream);
    return "no failure";
  } catch (error) {
    return (error as { code: unknown }).code;
  }
}

describe("GlanceSource.describe", () => {
  it("maps the record and sends the caller's token", async () => {
    await using server = await startImageServer();
    server.answer = (_, response) => {
      json(response, record());
    };
    using source = sourceOf(server);
    const access = accessOf({ authToken: token });
    const meta = await source.describe(image.reference, access, unhurried);
    expect(meta).toEqual({
      reference: { kind: "glance", imageId },
      imageId,
      name: "debian",
      status: "active",
      sizeBytes: 1_000,
      virtualSizeBytes: null,
      minDiskGb: 2,
      diskFormat: "raw",
      containerFormat: "bare",
      checksums: [
        { algorithm: "sha512", value: "a".repeat(128) },
        { algorithm: "md5", value: "d".repeat(32) },
      ],
      etag: null,
      updatedAt: "2026-01-02T03:04:05Z",
    });
    const [request] = server.requests;
    expect(request?.url).toBe(`/image/v2/images/${imageId}`);
    expect(request?.headers["x-auth-token"]).toBe(token);
  });

  it("takes a queued image, and leaves out hashes that it does not know", async () => {
    await using server = await startImageServer();
    server.answer = (_, response) => {
      json(
        response,
        JSON.stringify({
          id: imageId,
          status: "queued",
          size: null,
          disk_format: null,
          container_format: null,
          os_hash_algo: "blake2b",
          os_hash_value: "ab",
          checksum: "not hex",
        }),
      );
    };
    using source = sourceOf(server);
    const meta = await source.describe(image.reference, accessOf(), unhurried);
    expect(meta).toMatchObject({
      status: "queued",
      sizeBytes: null,
      diskFormat: "none",
      containerFormat: "none",
      checksums: [],
    });
  });

  it.each([
    [404, "IMAGE_NOT_FOUND", "ImageNotFound", 404, 1],
    [403, "IMAGE_FORBIDDEN", "ImageNotAuthorized", 403, 1],
    [401, "IMAGE_FORBIDDEN", "ImageNotAuthorized", 403, 1],
    [302, "SOURCE_REDIRECT", "ImageCopyFailure", 500, 1],
    [400, "SOURCE_REFUSED", "ImageCopyFailure", 500, 1],
    [503, "SOURCE_UNAVAILABLE", "ImageCopyFailure", 500, 3],
  ])(
    "turns %i into %s",
    async (status, code, remoteClass, mapped, requests) => {
      await using server = await startImageServer();
      server.answer = (_, response) => {
        response.writeHead(status, { location: "http://other.invalid/" }).end();
      };
      using source = sourceOf(server);
      const access = accessOf({ authToken: token });
      const failed = source.describe(image.reference, access, unhurried);
      await expect(failed).rejects.toMatchObject({
        code,
        remoteClass,
        status: mapped,
        message: expect.stringContaining(new URL(server.origin).host),
      });
      await expect(failed).rejects.toMatchObject({
        message: expect.not.stringContaining(token),
      });
      expect(server.requests).toHaveLength(requests);
    },
  );

  it("tries again after a short trouble", async () => {
    await using server = await startImageServer();
    server.answer = (request, response) => {
      if (server.requests.length === 1) {
        request.socket.destroy();
      } else if (server.requests.length === 2) {
        response.writeHead(500).end();
      } else {
        json(response, record());
      }
    };
    using source = sourceOf(server);
    const meta = await source.describe(image.reference, accessOf(), unhurried);
    expect(meta.status).toBe("active");
  });

  it("gives up on a server that does not answer, or is not there", async () => {
    const server = await startImageServer();
    server.answer = () => {};
    using source = sourceOf(server, { describeMs: 30 });
    const call = () => source.describe(image.reference, accessOf(), unhurried);
    await expect(call()).rejects.toMatchObject({ code: "SOURCE_NO_RESPONSE" });
    await server[Symbol.asyncDispose]();
    await expect(call()).rejects.toMatchObject({ code: "SOURCE_UNAVAILABLE" });
  });

  it.each([
    ["<html>"],
    ["[]"],
    [record({ size: "big" })],
    [record({ id: "22222222-2222-4333-8444-555555555555" })],
  ])("refuses an answer like %s", async (body) => {
    await using server = await startImageServer();
    server.answer = (_, response) => {
      json(response, body);
    };
    using source = sourceOf(server);
    await expect(
      source.describe(image.reference, accessOf(), unhurried),
    ).rejects.toMatchObject({ code: "SOURCE_INVALID" });
  });

  it("gives up on a record without an end", async () => {
    let isEnded = false;
    await using server = await startImageServer();
    server.answer = (_, response) => {
      response.setHeader("content-type", "application/json");
      const more = () => {
        response.write(" ".repeat(1024 ** 2));
      };
      response.on("drain", more);
      response.on("close", () => {
        isEnded = true;
      });
      more();
    };
    using source = sourceOf(server, { retryDelaysMs: [] });
    await expect(
      source.describe(image.reference, accessOf(), unhurried),
    ).rejects.toMatchObject({ code: "SOURCE_INVALID" });
    await eventually("the end of the connection", () => isEnded);
  });

  it("asks for nothing but UUIDs", async () => {
    await using server = await startImageServer();
    using source = sourceOf(server);
    await expect(
      source.describe(
        { kind: "glance", imageId: "../../v2/tasks" },
        accessOf(),
        unhurried,
      ),
    ).rejects.toMatchObject({ code: "ARG_INVALID" });
    expect(server.requests).toEqual([]);
  });

  it("shares a GET only with later callers of the same token and project", async () => {
    await using server = await startImageServer();
    const waiting: ServerResponse[] = [];
    server.answer = (_, response) => {
      waiting.push(response);
    };
    using source = sourceOf(server);
    const describeAs = async (authToken: string) =>
      await source.describe(
        image.reference,
        accessOf({ authToken }),
        unhurried,
      );
    const first = describeAs("a");
    while (waiting.length < 1) {
      await new Promise(setImmediate);
    }
    const late = [describeAs("a"), describeAs("a"), describeAs("b")];
    while (waiting.length < 2) {
      await new Promise(setImmediate);
    }
    json(waiting[0]!, record({ name: "old" }));
    json(waiting[1]!, record({ name: "of b" }));
    expect((await first).name).toBe("old");
    while (waiting.length < 3) {
      await new Promise(setImmediate);
    }
    json(waiting[2]!, record({ name: "new" }));
    const names = (await Promise.all(late)).map(({ name }) => name);
    expect(names).toEqual(["new", "new", "of b"]);
    expect(server.requests).toHaveLength(3);
  });
});

describe("GlanceSource.open", () => {
  const bytes = randomBytes(300_000);

  it("reads the file as it is, with the token", async () => {
    await using server = await startImageServer();
    server.answer = (_, response) => {
      response.setHeader("content-length", bytes.length);
      response.end(bytes);
    };
    using source = sourceOf(server);
    const access = accessOf({ authToken: token });
    await using stream = await source.open(image, access, unhurried);
    expect(stream.lengthBytes).toBe(bytes.length);
    expect((await read(stream)).equals(bytes)).toBe(true);
    expect(server.requests[0]?.headers).toMatchObject({
      "x-auth-token": token,
      "accept-encoding": "identity",
    });
  });

  it.each([
    [204, "IMAGE_EMPTY"],
    [404, "IMAGE_NOT_FOUND"],
    [403, "IMAGE_FORBIDDEN"],
    [302, "SOURCE_REDIRECT"],
    [500, "SOURCE_UNAVAILABLE"],
  ])("turns %i into %s", async (status, code) => {
    await using server = await startImageServer();
    server.answer = (_, response) => {
      response.writeHead(status).end();
    };
    using source = sourceOf(server);
    expect(await codeOfDownload(source)).toBe(code);
  });

  it("refuses an encoded body", async () => {
    await using server = await startImageServer();
    server.answer = (_, response) => {
      response.setHeader("content-encoding", "gzip");
      response.end("bomb");
    };
    using source = sourceOf(server);
    expect(await codeOfDownload(source)).toBe("SOURCE_ENCODED");
  });

  it.each([
    ["with a length", { "content-length": 300_000 }],
    ["in chunks", {}],
  ])("tells when a body %s is cut", async (_, headers) => {
    await using server = await startImageServer();
    server.answer = (__, response) => {
      response.writeHead(200, headers);
      response.write(bytes.subarray(0, 100_000), () => {
        response.destroy();
      });
    };
    using source = sourceOf(server);
    expect(await codeOfDownload(source)).toBe("SOURCE_CUT");
  });

  it("ends a download that stalls, but not one that we are slow to read", async () => {
    await using server = await startImageServer();
    server.answer = (_, response) => {
      response.setHeader("content-length", bytes.length);
      response.write(bytes.subarray(0, 1_000));
    };
    using source = sourceOf(server, { limits: { stallMs: 80 } });
    await using stream = await source.open(image, accessOf(), unhurried);
    const chunks = stream.body[Symbol.asyncIterator]();
    await chunks.next();
    await new Promise((resolve) => {
      setTimeout(resolve, 250);
    });
    const startedMs = performance.now();
    await expect(chunks.next()).rejects.toMatchObject({
      code: "SOURCE_STALLED",
    });
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(80);
  });

  it("ends a download that crawls", async () => {
    await using server = await startImageServer();
    server.answer = (_, response) => {
      const drip = setInterval(() => response.write("x"), 5);
      response.on("close", () => {
        clearInterval(drip);
      });
    };
    using source = sourceOf(server, {
      limits: { stallMs: 100, rateWindowMs: 200, minRate: 1_000_000 },
    });
    expect(await codeOfDownload(source)).toBe("SOURCE_TOO_SLOW");
  });

  it("ends a download that takes too long in all, or never begins", async () => {
    await using server = await startImageServer();
    server.answer = (_, response) => {
      const drip = setInterval(() => response.write("x"), 5);
      response.on("close", () => {
        clearInterval(drip);
      });
    };
    using endless = sourceOf(server, { limits: { stallMs: 80, totalMs: 100 } });
    expect(await codeOfDownload(endless)).toBe("SOURCE_TOO_SLOW");
    server.answer = () => {};
    using silent = sourceOf(server, { limits: { responseMs: 50 } });
    expect(await codeOfDownload(silent)).toBe("SOURCE_NO_RESPONSE");
  });

  it("is aborted while it waits for an answer", async () => {
    await using server = await startImageServer();
    const abort = new AbortController();
    server.answer = () => {
      if (server.requests.length === 2) {
        abort.abort(new Error("enough"));
      }
    };
    using source = sourceOf(server);
    const calls = [
      source.open(image, accessOf(), abort),
      source.describe(image.reference, accessOf(), abort),
    ];
    for (const call of await Promise.allSettled(calls)) {
      expect(call).toMatchObject({ reason: { message: "enough" } });
    }
  });

  it("closes the connection when it is aborted or disposed", async () => {
    await using server = await startImageServer();
    const closed: Promise<void>[] = [];
    server.answer = (_, response) => {
      closed.push(
        new Promise((resolve) => {
          response.on("close", resolve);
        }),
      );
      response.write(bytes.subarray(0, 1_000));
    };
    using source = sourceOf(server);
    const abort = new AbortController();
    const aborted = await source.open(image, accessOf(), abort);
    const reading = read(aborted);
    abort.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
    const unread = await source.open(image, accessOf(), unhurried);
    await unread[Symbol.asyncDispose]();
    expect(closed).toHaveLength(2);
    expect(await Promise.all(closed)).toHaveLength(2);
  });
});
