import type { IncomingHttpHeaders } from "node:http";
import got, { type PlainResponse } from "got";
import type { Options } from "../backends/volume-backend.ts";
import { ImageSourceError, throwIfAborted } from "../errors.ts";
import type { HttpClient } from "./http-client.ts";
import type { ImageStream } from "./image-source.ts";
import { sourceErrorOf } from "./source-error.ts";
import { StallWatchdog } from "./stall-watchdog.ts";

/** A response as far as its headers. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

/** A GET whose body is an image. */
export interface Download {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** The source in messages: no token, no query. */
  readonly where: string;
}

/** A response whose body has not been read yet. */
export interface OpenedDownload extends ImageStream {
  readonly head: ResponseHead;
}

/** Starts a GET and waits for its headers, whatever the status is. Errors are `SOURCE_*`. */
export async function openDownload(
  client: HttpClient,
  download: Download,
  { signal }: Options,
): Promise<OpenedDownload> {
  throwIfAborted(signal);
  const stream = got.stream(download.url, {
    ...client.requestOptions,
    headers: { ...download.headers, "accept-encoding": "identity" },
  });
  const abort = () => stream.destroy(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  const close = () => {
    signal.removeEventListener("abort", abort);
    stream.destroy();
  };
  // An error between two reads has no other listener, and would end the process.
  stream.on("error", () => {});
  try {
    const head = await headOf(stream);
    const failure = (error: unknown) =>
      signal.aborted
        ? (signal.reason as Error)
        : sourceErrorOf(error, download.where);
    const body = watchedBody(stream, client, download.where, failure);
    return {
      head,
      lengthBytes: lengthOf(head.headers),
      body,
      [Symbol.asyncDispose]: async () => {
        close();
        await body.return(null);
      },
    };
  } catch (error) {
    close();
    throwIfAborted(signal);
    throw sourceErrorOf(error, download.where);
  }
}

type GotStream = ReturnType<typeof got.stream>;

function headOf(stream: GotStream): Promise<ResponseHead> {
  const { promise, resolve, reject } = Promise.withResolvers<ResponseHead>();
  stream.once("response", (response: PlainResponse) => {
    resolve({ status: response.statusCode, headers: response.headers });
  });
  stream.once("error", reject);
  stream.once("close", () => {
    reject(new Error("closed before its headers"));
  });
  return promise;
}

/** The announced length of an identity-encoded body; null when there is none. */
export function lengthOf(headers: IncomingHttpHeaders): number | null {
  const text = headers["content-length"];
  return text !== undefined && /^\d{1,15}$/.test(text) && isPlain(headers)
    ? Number(text)
    : null;
}

function isPlain(headers: IncomingHttpHeaders): boolean {
  const encoding = headers["content-encoding"] ?? "identity";
  return encoding.trim().toLowerCase() === "identity";
}

/** Refuses a body that arrives encoded: its length and hash would be those of something else. */
export function refuseEncoded(head: ResponseHead, where: string): void {
  if (!isPlain(head.headers)) {
    throw new ImageSourceError(
      "SOURCE_ENCODED",
      `${where} sent the image with content-encoding ${String(head.headers["content-encoding"]).slice(0, 40)}; switch encoding off there`,
      { retry: "never" },
    );
  }
}

async function* watchedBody(
  stream: GotStream,
  client: HttpClient,
  where: string,
  failure: (error: unknown) => Error,
): AsyncGenerator<Uint8Array, null> {
  using watchdog = new StallWatchdog(client.limits, where, (error) => {
    stream.destroy(error);
  });
  try {
    const chunks = stream.iterator({ destroyOnReturn: false });
    for (;;) {
      watchdog.waiting();
      const next = (await chunks.next()) as IteratorResult<Uint8Array>;
      if (next.done === true) {
        return null;
      }
      watchdog.received(next.value.length);
      yield next.value;
    }
  } catch (error) {
    throw failure(error);
  }
}
