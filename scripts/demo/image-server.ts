import { once } from "node:events";
import { open } from "node:fs/promises";
import {
  createServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import type { ImageFile } from "./prepare-images.ts";

interface Served {
  readonly name: string;
  file: ImageFile;
  updatedAt: Date;
  /** The byte at this offset is sent wrong; null: none. */
  readonly corruptAt: number | null;
  downloads: number;
  bytes: number;
}

/**
 * An image service: the part of Glance's v2 interface that a reader of images needs, over real files. It counts what it
 * sends, can give an image new bytes, and can send bytes that do not match the hash it tells.
 */
export class ImageServer implements AsyncDisposable {
  readonly #images = new Map<string, Served>();
  readonly #server = createServer((request, response) => {
    this.#answer(request, response).catch((error: unknown) =>
      response.destroy(error instanceof Error ? error : undefined),
    );
  });

  /** Listens on a free port of the loopback. */
  static async start(): Promise<ImageServer> {
    const server = new ImageServer();
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  /** Publishes a file under an id. */
  add(
    id: string,
    name: string,
    file: ImageFile,
    corruptAt: number | null = null,
  ): void {
    const updatedAt = new Date();
    const counts = { downloads: 0, bytes: 0 };
    this.#images.set(id, { name, file, updatedAt, corruptAt, ...counts });
  }

  /** Gives an image new bytes, hash and `updated_at`. */
  replace(id: string, file: ImageFile): void {
    const image = this.#images.get(id);
    if (image === undefined) {
      throw new Error(`no image ${id}`);
    }
    image.updatedAt = new Date(Math.max(Date.now(), +image.updatedAt + 1000));
    image.file = file;
  }

  /** How often the image was downloaded, and how many of its bytes were sent in all. */
  sent(id: string): { readonly downloads: number; readonly bytes: number } {
    const { downloads = 0, bytes = 0 } = this.#images.get(id) ?? {};
    return { downloads, bytes };
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
    const path = /^\/v2\/images\/([0-9a-f-]{36})(\/file)?$/.exec(
      request.url ?? "",
    );
    const image = this.#images.get(path?.[1] ?? "");
    if (path === null || image === undefined || request.method !== "GET") {
      response.writeHead(404).end();
    } else if (path[2] === undefined) {
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify(describe(path[1] ?? "", image)));
    } else {
      await sendFile(image, request, response);
    }
  }
}

function describe(id: string, image: Served): Record<string, unknown> {
  const { file, name, updatedAt } = image;
  const time = updatedAt.toISOString().replace(/\.\d+Z$/, "Z");
  return {
    id,
    name,
    status: "active",
    visibility: "public",
    owner: "demo",
    size: file.sizeBytes,
    virtual_size: file.virtualSizeBytes,
    min_disk: 0,
    min_ram: 0,
    disk_format: file.diskFormat,
    container_format: "bare",
    checksum: null,
    os_hash_algo: "sha512",
    os_hash_value: file.sha512,
    created_at: time,
    updated_at: time,
    file: `/v2/images/${id}/file`,
    schema: "/v2/schemas/image",
  };
}

async function sendFile(
  image: Served,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { path, sizeBytes } = image.file;
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  const first = range ? Number(range[1]) : 0;
  const last = Math.min(sizeBytes - 1, Number(range?.[2] || sizeBytes - 1));
  image.downloads += first === 0 ? 1 : 0;
  response.writeHead(range ? 206 : 200, {
    "Content-Type": "application/octet-stream",
    "Content-Length": last - first + 1,
    ...(range
      ? { "Content-Range": `bytes ${first}-${last}/${sizeBytes}` }
      : {}),
  });
  await pipeline(bytesOf(image, path, first, last), response);
}

async function* bytesOf(
  image: Served,
  path: string,
  first: number,
  last: number,
): AsyncGenerator<Buffer> {
  await using file = await open(path);
  for (let at = first; at <= last;) {
    const chunk = Buffer.allocUnsafe(Math.min(1024 ** 2, last - at + 1));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
    if (bytesRead === 0) {
      throw new Error(`${path} became shorter`);
    }
    const wrongAt = (image.corruptAt ?? -1) - at;
    if (wrongAt >= 0 && wrongAt < bytesRead) {
      chunk.writeUInt8(chunk.readUInt8(wrongAt) ^ 1, wrongAt);
    }
    image.bytes += bytesRead;
    at += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
}
