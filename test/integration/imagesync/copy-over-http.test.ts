import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "@jest/globals";
import { findQemuImg } from "../../../daemon/imagesync/find-qemu-img.ts";
import { GlanceSource } from "../../../daemon/imagesync/glance/glance-source.ts";
import { QemuImg } from "../../../daemon/imagesync/qemu-img.ts";
import { SourceByKind } from "../../../daemon/imagesync/source-by-kind.ts";
import { StreamCopier } from "../../../daemon/imagesync/stream-copier.ts";
import {
  type CopyBench,
  diskBytes,
  makeCopyBench,
} from "../../helpers/copy-bench.ts";
import { accessOf, imageOf, unhurried } from "../../helpers/image-requests.ts";
import {
  type ImageServer,
  startImageServer,
} from "../../helpers/image-server.ts";

const disk = diskBytes();
const image = imageOf({
  sizeBytes: disk.length,
  checksums: [
    {
      algorithm: "sha512",
      value: createHash("sha512").update(disk).digest("hex"),
    },
  ],
});

async function copyOverHttp(server: ImageServer, bench: CopyBench) {
  using glance = new GlanceSource({
    endpoint: server.origin,
    limits: { stallMs: 200 },
  });
  const copier = new StreamCopier({
    source: new SourceByKind({ glance, url: null }),
    qemuImg: new QemuImg(await findQemuImg()),
    scratchDir: bench.scratchDir,
    policy: { checksums: "require", allowMd5: false },
    retryDelayMs: 5,
  });
  await using opened = await copier.open(image, accessOf(), unhurried);
  const target = await bench.target(opened.virtualSizeBytes);
  await opened.copyTo(target, () => {}, unhurried);
  return (await readFile(target.path)).subarray(0, disk.length).equals(disk);
}

describe("A copy over HTTP", () => {
  it("goes through one 500, one cut and one stall", async () => {
    await using server = await startImageServer();
    await using bench = await makeCopyBench();
    server.answer = (_, response) => {
      const attempt = server.requests.length;
      response.setHeader("content-length", disk.length);
      if (attempt === 1) {
        response.writeHead(500).end();
      } else if (attempt === 2) {
        response.write(disk.subarray(0, 5_000_000), () => {
          response.destroy();
        });
      } else {
        response.end(disk);
      }
    };
    expect(await copyOverHttp(server, bench)).toBe(true);
    server.requests.length = 0;
    server.answer = (_, response) => {
      response.setHeader("content-length", disk.length);
      if (server.requests.length === 1) {
        response.write(disk.subarray(0, 5_000_000));
      } else {
        response.end(disk);
      }
    };
    expect(await copyOverHttp(server, bench)).toBe(true);
    expect(server.requests).toHaveLength(2);
  });

  it.each([
    [
      "a body without length that ends early",
      disk.subarray(0, -9),
      "IMAGE_TRUNCATED",
    ],
    [
      "one that does not end in time",
      Buffer.concat([disk, disk]),
      "IMAGE_TOO_LONG",
    ],
    ["a page", Buffer.from("<!DOCTYPE html><p>busy"), "IMAGE_CORRUPT"],
  ])("refuses %s", async (_, bytes, code) => {
    await using server = await startImageServer();
    await using bench = await makeCopyBench();
    server.answer = (__, response) => {
      response.write(bytes);
      response.end();
    };
    await expect(copyOverHttp(server, bench)).rejects.toMatchObject({ code });
  });
});
