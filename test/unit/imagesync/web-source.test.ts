import { hostname } from "node:os";
import { describe, expect, it } from "@jest/globals";
import { urlImageId } from "../../../daemon/image.ts";
import type { ImageReference } from "../../../daemon/image.ts";
import { WebSource } from "../../../daemon/imagesync/web/web-source.ts";
import { accessOf, imageOf, unhurried } from "../../helpers/image-requests.ts";
import { startImageServer } from "../../helpers/image-server.ts";

function reference(url: string): ImageReference {
  return { kind: "url", url, diskFormat: "qcow2", checksum: null };
}

async function describeUrl(allowedUrls: readonly string[], url: string) {
  using source = new WebSource({ allowedUrls, limits: { connectMs: 1_000 } });
  return await source.describe(reference(url), accessOf(), unhurried);
}

describe("WebSource.describe", () => {
  it("takes length, strong ETag and date from a HEAD", async () => {
    await using server = await startImageServer();
    server.answer = (_, response) => {
      response.writeHead(200, {
        "content-length": 4_711,
        etag: '"abc-1"',
        "last-modified": "Fri, 02 Jan 2026 03:04:05 GMT",
      });
      response.end();
    };
    const url = `${server.origin}/debian.qcow2`;
    expect(await describeUrl([server.origin], url)).toEqual(
      imageOf({
        reference: reference(url),
        imageId: urlImageId(url, "qcow2"),
        sizeBytes: 4_711,
        diskFormat: "qcow2",
        etag: "abc-1",
        updatedAt: "2026-01-02T03:04:05.000Z",
      }),
    );
    expect(server.requests[0]?.method).toBe("HEAD");
  });

  it("does not take a weak ETag, nor the length of an encoded body", async () => {
    await using server = await startImageServer();
    server.answer = (_, response) => {
      response.writeHead(200, {
        "content-length": 12,
        "content-encoding": "gzip",
        etag: 'W/"abc"',
      });
      response.end();
    };
    const meta = await describeUrl([server.origin], `${server.origin}/a`);
    expect(meta).toMatchObject({ sizeBytes: null, etag: null });
  });

  it("asks for one byte where HEAD is not served", async () => {
    await using server = await startImageServer();
    server.answer = (request, response) => {
      if (request.method === "HEAD") {
        response.writeHead(405).end();
      } else {
        response.writeHead(206, { "content-range": "bytes 0-0/99" }).end("x");
      }
    };
    const meta = await describeUrl([server.origin], `${server.origin}/a`);
    expect(meta.sizeBytes).toBe(99);
    expect(server.requests[1]?.headers.range).toBe("bytes=0-0");
  });

  it.each([
    [404, "IMAGE_NOT_FOUND", 404],
    [410, "IMAGE_NOT_FOUND", 404],
    [403, "IMAGE_FORBIDDEN", 403],
    [418, "SOURCE_REFUSED", 500],
    [503, "SOURCE_UNAVAILABLE", 500],
  ])("turns %i into %s, without the query", async (status, code, mapped) => {
    await using server = await startImageServer();
    server.answer = (_, response) => {
      response.writeHead(status).end();
    };
    const failed = describeUrl(
      [server.origin],
      `${server.origin}/a?signature=canary`,
    );
    await expect(failed).rejects.toMatchObject({
      code,
      status: mapped,
      message: expect.not.stringContaining("canary"),
    });
  });
});

describe("WebSource's allow-list", () => {
  it.each([
    ["file:///etc/passwd", "SOURCE_SCHEME"],
    ["ftp://images.example/a", "SOURCE_SCHEME"],
    ["unix:/var/run/docker.sock:/x", "SOURCE_SCHEME"],
    ["not a url", "ARG_INVALID"],
    ["https://user:canary@images.example/a", "SOURCE_CREDENTIALS_IN_URL"],
    ["https://other.example/a", "SOURCE_FORBIDDEN"],
    ["https://images.example:8443/a", "SOURCE_FORBIDDEN"],
    ["https://images.example.evil/a", "SOURCE_FORBIDDEN"],
    ["http://prefix.example/pub/a", "SOURCE_FORBIDDEN"],
    ["https://prefix.example/public/a", "SOURCE_FORBIDDEN"],
    ["https://prefix.example/pub/../a", "SOURCE_FORBIDDEN"],
    ["https://prefix.example/pub/%2e%2e/a", "SOURCE_FORBIDDEN"],
    ["https://prefix.example/pub/..%2fa", "SOURCE_FORBIDDEN"],
    ["http://169.254.169.254/latest", "SOURCE_FORBIDDEN"],
    ["http://127.0.0.1/a", "SOURCE_FORBIDDEN"],
    ["http://2130706433/a", "SOURCE_FORBIDDEN"],
    ["http://0x7f.1/a", "SOURCE_FORBIDDEN"],
    ["http://[::ffff:127.0.0.1]/a", "SOURCE_FORBIDDEN"],
    ["http://0.0.0.0/a", "SOURCE_FORBIDDEN"],
  ])("refuses %s with %s", async (url, code) => {
    const failed = describeUrl(
      ["images.example", "https://prefix.example/pub"],
      url,
    );
    await expect(failed).rejects.toMatchObject({
      code,
      message: expect.not.stringContaining("canary"),
    });
  });

  it("allows nothing when it is empty, and names the setting", async () => {
    await expect(describeUrl([], "https://a.example/")).rejects.toThrow(
      /SOURCE_FORBIDDEN: .*images\.allowedUrls/,
    );
  });

  it("looks at the address of an allowed name when it connects", async () => {
    await using server = await startImageServer();
    const { port } = new URL(server.origin);
    // Most machines resolve their own name to a loopback address; where not, nothing listens there.
    const name = `${hostname()}:${port}`;
    await expect(describeUrl([name], `http://${name}/a`)).rejects.toMatchObject(
      { code: expect.stringMatching(/^SOURCE_(?:FORBIDDEN|UNAVAILABLE)$/) },
    );
    expect(server.requests).toEqual([]);
  });

  it("takes localhost for what it is when it is named", async () => {
    await using server = await startImageServer();
    server.answer = (_, response) => {
      response.writeHead(200, { "content-length": 5 }).end();
    };
    const name = `localhost:${new URL(server.origin).port}`;
    const meta = await describeUrl([name], `http://${name}/a`);
    expect(meta.sizeBytes).toBe(5);
  });
});

describe("WebSource's redirects", () => {
  it("follows them within the allow-list, three at most", async () => {
    await using server = await startImageServer();
    server.answer = (request, response) => {
      const hop = Number(request.url?.slice(1));
      if (hop === 0) {
        response.writeHead(200, { "content-length": 7 }).end();
      } else {
        response.writeHead(302, { location: `/${hop - 1}` }).end();
      }
    };
    const meta = await describeUrl([server.origin], `${server.origin}/3`);
    expect(meta.sizeBytes).toBe(7);
    await expect(
      describeUrl([server.origin], `${server.origin}/4`),
    ).rejects.toMatchObject({ code: "SOURCE_REDIRECT" });
  });

  it.each([
    "http://169.254.169.254/",
    "file:///etc/passwd",
    "//other.example/",
    "http://[bad",
  ])("does not follow one to %s", async (location) => {
    await using server = await startImageServer();
    server.answer = (_, response) => {
      response.writeHead(301, { location }).end();
    };
    await expect(
      describeUrl([server.origin], `${server.origin}/a`),
    ).rejects.toMatchObject({ code: "SOURCE_REDIRECT" });
  });
});

describe("WebSource.open", () => {
  it("reads what was described, through a redirect", async () => {
    await using server = await startImageServer();
    server.answer = (request, response) => {
      if (request.url === "/old") {
        response.writeHead(302, { location: "/new" }).end();
      } else {
        response.setHeader("etag", '"1"');
        response.end("bytes");
      }
    };
    using source = new WebSource({ allowedUrls: [server.origin] });
    const url = `${server.origin}/old`;
    const meta = await source.describe(reference(url), accessOf(), unhurried);
    await using stream = await source.open(meta, accessOf(), unhurried);
    const chunks = await Array.fromAsync(stream.body);
    expect(Buffer.concat(chunks).toString()).toBe("bytes");
  });

  it.each([
    ["another ETag", { etag: '"2"' }, "SOURCE_CHANGED"],
    ["no ETag", {}, "SOURCE_CHANGED"],
    [
      "an encoding",
      { etag: '"1"', "content-encoding": "br" },
      "SOURCE_ENCODED",
    ],
  ])("refuses %s", async (_, headers, code) => {
    await using server = await startImageServer();
    server.answer = (__, response) => {
      response.writeHead(200, headers).end("bytes");
    };
    using source = new WebSource({ allowedUrls: [server.origin] });
    const url = `${server.origin}/a`;
    const meta = imageOf({ reference: reference(url), etag: "1" });
    await expect(
      source.open(meta, accessOf(), unhurried),
    ).rejects.toMatchObject({ code });
  });

  it("says when the other side does not speak TLS", async () => {
    await using server = await startImageServer();
    const url = `${server.origin.replace("http", "https")}/a`;
    await expect(describeUrl([new URL(url).host], url)).rejects.toMatchObject({
      code: "SOURCE_TLS",
      retry: "never",
    });
  });
});
