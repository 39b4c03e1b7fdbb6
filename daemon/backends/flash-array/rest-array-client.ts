import type { ZodType } from "zod";
import { BackendError } from "../../errors.ts";
import type { ArrayClient, CallOptions, Query, Write } from "./array-client.ts";
import { arrayFailureOf } from "./array-failure.ts";
import { allPages, arrayPageOf } from "./array-page.ts";
import type { WireRequest } from "./array-wire.ts";
import { encodeQuery } from "./encode-query.ts";
import { Patience, type PatienceLimits, patiently } from "./patience.ts";
import { RequestQueue } from "./request-queue.ts";
import { type RestVersion, formatRestVersion } from "./rest-version.ts";
import type { Session } from "./session.ts";

/** What {@link RestArrayClient} is made of. */
export interface RestArrayClientOptions {
  readonly session: Session;
  readonly version: RestVersion;
  readonly where: string;
  readonly patience: PatienceLimits;
  readonly maxConcurrent: number;
  /** Disposed of with the client. */
  readonly resources: AsyncDisposable;
}

/** The client with a session: queue, repetition and pages. */
export class RestArrayClient implements ArrayClient {
  readonly version: RestVersion;
  readonly #options: RestArrayClientOptions;
  readonly #queue: RequestQueue;
  readonly #closing = new AbortController();

  constructor(options: RestArrayClientOptions) {
    this.version = options.version;
    this.#options = options;
    this.#queue = new RequestQueue(options.maxConcurrent);
  }

  async list<T>(
    path: string,
    query: Query,
    item: ZodType<T>,
    options: CallOptions,
  ): Promise<readonly T[]> {
    return await allPages(
      async (page) =>
        await this.#call(
          {
            method: "GET",
            path,
            target: this.#target(path, page),
            headers: {},
            read: (body) => arrayPageOf(body, item),
            isRead: true,
          },
          options,
        ),
      query,
      `GET ${path} of ${this.#options.where}`,
    );
  }

  async write<T>(
    { method, path, query, body }: Write,
    item: ZodType<T>,
    options: CallOptions,
  ): Promise<readonly T[]> {
    return await this.#call(
      {
        method,
        path,
        target: this.#target(path, query),
        headers: {},
        body,
        // Only a DELETE has nothing to say.
        read: (answer) =>
          method === "DELETE" && answer === null
            ? []
            : arrayPageOf(answer, item).items,
        isRead: false,
      },
      options,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closing.signal.aborted) {
      this.#closing.abort(
        new BackendError(
          "ARRAY_CLOSED",
          `the client of ${this.#options.where} was closed`,
        ),
      );
      await this.#options.resources[Symbol.asyncDispose]();
    }
  }

  async #call<T>(
    request: WireRequest<T>,
    { signal: caller, isBackground = false }: CallOptions,
  ): Promise<T> {
    const { session, patience, where } = this.#options;
    const closing = this.#closing.signal;
    const signal = AbortSignal.any([caller, closing]);
    // A change that is cut off may still be done, after whoever tidies up has looked: its answer is waited for.
    const sent = request.isRead ? request : { ...request, cut: closing };
    const { answer, requestId } = await this.#queue.run(
      async () =>
        await patiently(
          async () => await session.send(sent, { signal }),
          new Patience(patience, request.isRead),
          { signal },
        ),
      { signal, isBackground },
    );
    if (answer.kind === "ok") {
      return answer.value;
    }
    throw arrayFailureOf(answer, {
      where,
      what: `${request.method} ${request.path} (request ${requestId})`,
      version: formatRestVersion(this.version),
      isRead: request.isRead,
    });
  }

  #target(path: string, query: Query): string {
    return `/api/${formatRestVersion(this.version)}/${path}${encodeQuery(query)}`;
  }
}
