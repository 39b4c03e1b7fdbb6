import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "./eventually.ts";
import type { TestImage } from "./test-images.ts";

/** An image on offer. All but its id may be changed at any moment. */
export interface ServedImage {
  readonly id: string;
  /** The same bytes from a plain web server, with a strong ETag. */
  readonly url: string;
  /** What is sent, and what a volume of it has to hold. */
  image: TestImage;
  /** Replaces or adds fields of Glance's description: `status`, `min_disk`, `virtual_size`, `os_hash_value`, … */
  facts: Record<string, unknown>;
  updatedAt: Date;
  /** With this token only; null: for everybody. */
  token: string | null;
  /** Bytes per second of one download; null: as fast as it goes. */
  rate: number | null;
  /** A download waits here until `letGo` is called. */
  holdAt: number | null;
  /** A download loses its connection here. */
  cutAt: number | null;
  /** The byte here is sent wrong. */
  corruptAt: number | null;
  /** Downloads begun, those that began at byte 0. */
  downloads: number;
  bytesSent: number;
  /** Downloads that wait at `holdAt` now. */
  held: number;
}

const chunkBytes = 64 * 1024;

/**
 * An image service that misbehaves on cue: the part of Glance's v2 interface that a reader of images needs, and the
 * same images as plain files.
 */
export class ImageService implements AsyncDisposable {
  readonly #images = new Map<string, ServedImage>();
  readonly #server = createServer((request, response) => {
    response.on("error", () => {});
    this.#answer(request, response).catch(() => response.destroy());
  });
  /** Headers of every request, for tests that look for tokens. */
  readonly tokensSeen: string[] = [];

  static async start(): Promise<ImageService> {
    const service = new ImageService();
    service.#server.listen(0, "127.0.0.1");
    await once(service.#server, "listening");
    return service;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  /** Offers an image under a new id. */
  add(image: TestImage, parts: Partial<ServedImage> = {}): ServedImage {
    const id = randomUUID();
    const served: ServedImage = {
      id,
      url: `${this.url}/files/${id}`,
      image,
      facts: {},
      updatedAt: new Date(),
      token: null,
      rate: null,
      holdAt: null,
      cutAt: null,
      corruptAt: null,
      downloads: 0,
      bytesSent: 0,
      held: 0,
      ...parts,
    };
    this.#images.set(id, served);
    return served;
  }

  /** Withdraws an image, as Glance's delete does. */
  remove(served: ServedImage): void {
    this.#images.delete(served.id);
  }

  /** Waits until that many downloads of the image wait at its `holdAt`. */
  async whenHeld(served: ServedImage, count = 1): Promise<void> {
    await eventually(
      `${count} held downloads`,
      () => served.held >= count,
      30_000,
    );
  }

  /** Lets the downloads go on that wait at `holdAt`, and those to come. */
  letGo(served: ServedImage): void {
    served.holdAt = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const token = request.headers["x-auth-token"];
    this.tokensSeen.push(...[token ?? []].flat());
    const path =
      /^\/(v2\/images|files)\/([0-9a-f-]{36})(\/file)?$/.exec(
        request.url ?? "",
      ) ?? [];
    const served = this.#images.get(path[2] ?? "");
    if (
      served === undefined ||
      (served.token !== null && served.token !== token)
    ) {
      response.writeHead(404).end();
    } else if (path[1] === "files" || path[3] !== undefined) {
      await this.#send(served, request, response);
    } else {
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify(describe(served)));
    }
  }

  async #send(
    served: ServedImage,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { bytes } = served.image;
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const first = range ? Number(range[1]) : 0;
    const last = Math.min(
      bytes.length - 1,
      Number(range?.[2] || bytes.length - 1),
    );
    response.writeHead(range ? 206 : 200, {
      "Content-Type": "application/octet-stream",
      "Content-Length": last - first + 1,
      ETag: `"${served.image.sha512.slice(0, 32)}"`,
      ...(range && {
        "Content-Range": `bytes ${first}-${last}/${bytes.length}`,
      }),
    });
    if (request.method === "HEAD") {
      response.end();
      return;
    }
    served.downloads += first === 0 ? 1 : 0;
    await pour(served, bytes.subarray(0, last + 1), first, response);
  }
}

async function pour(
  served: ServedImage,
  bytes: Buffer,
  first: number,
  response: ServerResponse,
): Promise<void> {
  for (let at = first; at < bytes.length;) {
    await whileHeld(served, at, response);
    if (response.destroyed) {
      return;
    }
    if (served.cutAt !== null && at >= served.cutAt) {
      response.destroy();
      return;
    }
    const { rate } = served;
    const step = rate === null ? chunkBytes : Math.min(chunkBytes, rate / 10);
    const chunk = Buffer.from(bytes.subarray(at, at + step));
    const wrongAt = (served.corruptAt ?? -1) - at;
    if (wrongAt >= 0 && wrongAt < chunk.length) {
      chunk.writeUInt8(chunk.readUInt8(wrongAt) ^ 1, wrongAt);
    }
    if (!response.write(chunk)) {
      await whenDrained(response);
    }
    at += chunk.length;
    served.bytesSent += chunk.length;
    if (rate !== null) {
      await sleep((1000 * chunk.length) / rate);
    }
  }
  response.end();
}

async function whenDrained(response: ServerResponse): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  response.once("drain", resolve).once("close", resolve);
  await promise;
  response.off("drain", resolve).off("close", resolve);
}

async function whileHeld(
  served: ServedImage,
  at: number,
  response: ServerResponse,
): Promise<void> {
  const isHeld = () =>
    served.holdAt !== null && at >= served.holdAt && !response.destroyed;
  if (isHeld()) {
    served.held += 1;
    while (isHeld()) {
      await sleep(20);
    }
    served.held -= 1;
  }
}

function describe(served: ServedImage): Record<string, unknown> {
  const { id, image, updatedAt, facts } = served;
  const time = updatedAt.toISOString().replace(/\.\d+Z$/, "Z");
  return {
    id,
    name: `image-${id.slice(0, 8)}`,
    status: "active",
    visibility: "public",
    owner: "somebody",
    size: image.bytes.length,
    virtual_size: image.virtualSizeBytes,
    min_disk: 0,
    min_ram: 0,
    disk_format: image.diskFormat,
    container_format: "bare",
    checksum: createHash("md5").update(image.bytes).digest("hex"),
    os_hash_algo: "sha512",
    os_hash_value: image.sha512,
    created_at: time,
    updated_at: time,
    file: `/v2/images/${id}/file`,
    schema: "/v2/schemas/image",
    ...facts,
  };
}
