import got from "got";
import type { Access } from "../../access.ts";
import type { Options } from "../../backends/volume-backend.ts";
import {
  ImageSourceError,
  RequestError,
  throwIfAborted,
} from "../../errors.ts";
import {
  type ImageMeta,
  type ImageReference,
  urlImageId,
} from "../../image.ts";
import {
  lengthOf,
  openDownload,
  type OpenedDownload,
  refuseEncoded,
  type ResponseHead,
} from "../download.ts";
import { HttpClient, type HttpClientOptions } from "../http-client.ts";
import type { ImageSource, ImageStream } from "../image-source.ts";
import { sourceErrorOf } from "../source-error.ts";
import { unexpectedStatus } from "../unexpected-status.ts";
import { guardedLookup } from "./address-guard.ts";
import { UrlAllowList } from "./url-allow-list.ts";
import { etagOf, totalOf, updatedAtOf } from "./web-headers.ts";

/** Which URLs may be read, and how patient we are with their servers. */
export interface WebSourceOptions extends Omit<HttpClientOptions, "lookup"> {
  /** `host[:port]` or URL prefixes; empty: no URL at all. */
  readonly allowedUrls: readonly string[];
}

interface Answer extends AsyncDisposable {
  readonly head: ResponseHead;
}

const maxRedirects = 3;
const redirects = new Set([301, 302, 303, 307, 308]);

/** Images of plain web servers, under an allow-list. */
export class WebSource implements ImageSource, Disposable {
  readonly #allowed: UrlAllowList;
  readonly #client: HttpClient;

  constructor(options: WebSourceOptions) {
    this.#allowed = new UrlAllowList(options.allowedUrls);
    this.#client = new HttpClient({ ...options, lookup: guardedLookup });
  }

  async describe(
    reference: ImageReference,
    _access: Access,
    options: Options,
  ): Promise<ImageMeta> {
    const { url, diskFormat } = urlReference(reference);
    const head = await this.#headOrRange(url, options);
    refuseUnserved(head, whereOf(new URL(url)), [200, 206]);
    return {
      reference,
      imageId: urlImageId(url, diskFormat),
      name: null,
      status: "active",
      sizeBytes:
        head.status === 206 ? totalOf(head.headers) : lengthOf(head.headers),
      virtualSizeBytes: null,
      minDiskGb: 0,
      diskFormat,
      containerFormat: "bare",
      checksums: [],
      etag: etagOf(head.headers),
      updatedAt: updatedAtOf(head.headers),
    };
  }

  async open(
    image: ImageMeta,
    _access: Access,
    options: Options,
  ): Promise<ImageStream> {
    const { url } = urlReference(image.reference);
    const opened = await this.#follow(url, this.#get({}, options));
    const where = whereOf(new URL(url));
    try {
      refuseUnserved(opened.head, where, [200]);
      refuseEncoded(opened.head, where);
      refuseChanged(image, opened.head, where);
      return opened;
    } catch (error) {
      await opened[Symbol.asyncDispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }

  async #headOrRange(url: string, options: Options): Promise<ResponseHead> {
    await using answer = await this.#follow(url, this.#head(options));
    const { head } = answer;
    if (head.status !== 405 && head.status !== 501) {
      return head;
    }
    const firstByte = this.#get({ range: "bytes=0-0" }, options);
    await using opened = await this.#follow(url, firstByte);
    return opened.head;
  }

  #head({ signal }: Options): (url: URL) => Promise<Answer> {
    return async (url) => {
      const { requestOptions } = this.#client;
      const response = await got(url, {
        ...requestOptions,
        method: "HEAD",
        headers: { "accept-encoding": "identity" },
        signal,
      }).catch((error: unknown) => {
        throwIfAborted(signal);
        throw sourceErrorOf(error, whereOf(url));
      });
      return {
        head: { status: response.statusCode, headers: response.headers },
        [Symbol.asyncDispose]: () => Promise.resolve(),
      };
    };
  }

  #get(
    headers: Readonly<Record<string, string>>,
    options: Options,
  ): (url: URL) => Promise<OpenedDownload> {
    return async (url) => {
      const download = { url, headers, where: whereOf(url) };
      return await openDownload(this.#client, download, options);
    };
  }

  /** Makes a request, and again wherever an allowed redirect leads. */
  async #follow<T extends Answer>(
    text: string,
    request: (url: URL) => Promise<T>,
  ): Promise<T> {
    let url = this.#allowed.check(text);
    for (let hop = 0; ; hop += 1) {
      const answer = await request(url);
      const { status, headers } = answer.head;
      if (!redirects.has(status)) {
        return answer;
      }
      await answer[Symbol.asyncDispose]();
      if (hop === maxRedirects) {
        throw new ImageSourceError(
          "SOURCE_REDIRECT",
          `${whereOf(url)} redirects more than ${maxRedirects} times`,
          { retry: "never" },
        );
      }
      url = this.#allowed.checkRedirect(url, headers.location);
    }
  }
}

function urlReference(
  reference: ImageReference,
): ImageReference & { readonly kind: "url" } {
  if (reference.kind !== "url") {
    throw new RequestError("ARG_INVALID", "image_url must be a URL");
  }
  return reference;
}

/** Names a URL without its query, which may be a signature. */
function whereOf(url: URL): string {
  return `${url.origin}${url.pathname}`.slice(0, 200);
}

function refuseUnserved(
  head: ResponseHead,
  where: string,
  good: readonly number[],
): void {
  if (good.includes(head.status)) {
    return;
  }
  if (head.status === 404 || head.status === 410) {
    throw new RequestError("IMAGE_NOT_FOUND", `there is no ${where}`, {
      remoteClass: "ImageNotFound",
      status: 404,
    });
  }
  if (head.status === 401 || head.status === 403) {
    throw new RequestError(
      "IMAGE_FORBIDDEN",
      `${where} may not be read (${head.status})`,
      { remoteClass: "ImageNotAuthorized", status: 403 },
    );
  }
  throw unexpectedStatus(head.status, where);
}

/** The bytes have to be those that were described: their identity in the cache hangs on it. */
function refuseChanged(
  image: ImageMeta,
  head: ResponseHead,
  where: string,
): void {
  const same =
    image.etag === null
      ? image.updatedAt === updatedAtOf(head.headers)
      : image.etag === etagOf(head.headers);
  if (!same) {
    throw new ImageSourceError(
      "SOURCE_CHANGED",
      `${where} changed since it was asked for; try again`,
    );
  }
}
