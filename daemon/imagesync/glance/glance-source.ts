import got from "got";
import type { Access } from "../../access.ts";
import type { Options } from "../../backends/volume-backend.ts";
import {
  type DaemonError,
  ImageError,
  ImageSourceError,
  RequestError,
  throwIfAborted,
} from "../../errors.ts";
import type { ImageMeta, ImageReference } from "../../image.ts";
import { openDownload, refuseEncoded } from "../download.ts";
import { HttpClient, type HttpClientOptions } from "../http-client.ts";
import type { ImageSource, ImageStream } from "../image-source.ts";
import { pause } from "../pause.ts";
import { sourceErrorOf } from "../source-error.ts";
import { unexpectedStatus } from "../unexpected-status.ts";
import { glanceImageOf } from "./glance-image.ts";
import { NextFlight } from "./next-flight.ts";

/** Where Glance is and how patient we are with it. */
export interface GlanceSourceOptions extends HttpClientOptions {
  /** Base URL without `/v2`. */
  readonly endpoint: string;
  /** For one try to read an image's record. */
  readonly describeMs?: number;
  /** Pauses before the second and each later try; as many further tries as there are pauses. */
  readonly retryDelaysMs?: readonly number[];
}

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;
/** Of an image's record; real ones have a few KiB. */
const maxRecordBytes = 1024 ** 2;
const transientCodes = new Set([
  "SOURCE_UNAVAILABLE",
  "SOURCE_CUT",
  "SOURCE_NO_RESPONSE",
]);

/** Images of OpenStack Glance v2, asked with the caller's own token. */
export class GlanceSource implements ImageSource, Disposable {
  readonly #endpoint: URL;
  readonly #where: string;
  readonly #client: HttpClient;
  readonly #describeMs: number;
  readonly #retryDelaysMs: readonly number[];
  readonly #flights = new NextFlight<ImageMeta>();

  constructor(options: GlanceSourceOptions) {
    this.#endpoint = new URL(`${options.endpoint.replace(/\/+$/, "")}/`);
    this.#where = `glance at ${this.#endpoint.host}`;
    this.#client = new HttpClient(options);
    this.#describeMs = options.describeMs ?? 20_000;
    this.#retryDelaysMs = options.retryDelaysMs ?? [100, 500];
  }

  async describe(
    reference: ImageReference,
    access: Access,
    options: Options,
  ): Promise<ImageMeta> {
    const imageId = glanceId(reference);
    const key = JSON.stringify([imageId, access.projectId, access.authToken]);
    return await this.#flights.board(
      key,
      (flight) => this.#describeRetrying(imageId, access, flight),
      options,
    );
  }

  async open(
    image: ImageMeta,
    access: Access,
    options: Options,
  ): Promise<ImageStream> {
    const imageId = glanceId(image.reference);
    const download = {
      url: new URL(`v2/images/${imageId}/file`, this.#endpoint),
      headers: tokenHeaders(access),
      where: this.#where,
    };
    const opened = await openDownload(this.#client, download, options);
    try {
      this.#checkFile(opened.head.status, imageId);
      refuseEncoded(opened.head, this.#where);
      return opened;
    } catch (error) {
      await opened[Symbol.asyncDispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }

  async #describeRetrying(
    imageId: string,
    access: Access,
    options: Options,
  ): Promise<ImageMeta> {
    for (const pauseMs of this.#retryDelaysMs) {
      try {
        return await this.#describeOnce(imageId, access, options);
      } catch (error) {
        if (
          !(error instanceof ImageSourceError && transientCodes.has(error.code))
        ) {
          throw error;
        }
      }
      await pause(pauseMs, options);
    }
    return await this.#describeOnce(imageId, access, options);
  }

  async #describeOnce(
    imageId: string,
    access: Access,
    { signal }: Options,
  ): Promise<ImageMeta> {
    const { requestOptions } = this.#client;
    const tooLong = new AbortController();
    const request = got(new URL(`v2/images/${imageId}`, this.#endpoint), {
      ...requestOptions,
      timeout: { ...requestOptions.timeout, request: this.#describeMs },
      headers: { ...tokenHeaders(access), "accept-encoding": "identity" },
      signal: AbortSignal.any([signal, tooLong.signal]),
    });
    void request.on("downloadProgress", ({ transferred }) => {
      if (transferred > maxRecordBytes) {
        tooLong.abort();
      }
    });
    const response = await request.catch((error: unknown) => {
      throwIfAborted(signal);
      throw tooLong.signal.aborted
        ? new ImageSourceError(
            "SOURCE_INVALID",
            `${this.#where} answers with more than ${maxRecordBytes} bytes about image ${imageId}`,
            { cause: error },
          )
        : sourceErrorOf(error, this.#where);
    });
    if (response.statusCode !== 200) {
      throw this.#refusal(response.statusCode, imageId);
    }
    return glanceImageOf(response.body, imageId, this.#where);
  }

  #refusal(status: number, imageId: string): DaemonError {
    if (status === 404) {
      return new RequestError(
        "IMAGE_NOT_FOUND",
        `${this.#where} has no image ${imageId} for this project`,
        { remoteClass: "ImageNotFound", status: 404 },
      );
    }
    if (status === 401 || status === 403) {
      return new RequestError(
        "IMAGE_FORBIDDEN",
        `${this.#where} refuses image ${imageId} to this request (${status}); its token may be missing or expired`,
        { remoteClass: "ImageNotAuthorized", status: 403 },
      );
    }
    return unexpectedStatus(status, this.#where);
  }

  #checkFile(status: number, imageId: string): void {
    if (status === 200) {
      return;
    }
    if (status === 204) {
      throw new ImageError(
        "IMAGE_EMPTY",
        `image ${imageId} has no data; upload it first`,
      );
    }
    if (status === 404 || status === 410) {
      // Of this image id only: another one may have the same bytes.
      throw new RequestError(
        "IMAGE_NOT_FOUND",
        `the data of image ${imageId} is gone from ${this.#where}`,
        { remoteClass: "ImageNotFound", status: 404 },
      );
    }
    throw this.#refusal(status, imageId);
  }
}

function tokenHeaders(access: Access): Record<string, string> {
  return access.authToken === null ? {} : { "x-auth-token": access.authToken };
}

function glanceId(reference: ImageReference): string {
  const id = reference.kind === "glance" ? reference.imageId.toLowerCase() : "";
  if (!uuid.test(id)) {
    throw new RequestError("ARG_INVALID", "image_id must be a UUID");
  }
  return id;
}
