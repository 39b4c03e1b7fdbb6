import type { Json } from "./endpoint.ts";
import { maskSecrets } from "./mask-secrets.ts";

/** One request to the array, as it was asked and as it was answered. Secrets in it are masked. */
export interface LoggedRequest {
  /** By the array's clock. */
  readonly at: number;
  /** The `X-Request-ID`, made up if the client sent none. */
  readonly id: string;
  readonly method: string;
  /** Below the version, such as `volumes/tags/batch`; as in the URL where there is no version. */
  readonly path: string;
  /** Null where the URL has none. */
  readonly version: string | null;
  /** Decoded, lists not split; values of a repeated name are joined by `&`. */
  readonly query: Readonly<Record<string, string>>;
  /** Null when there was none or it was no JSON. */
  readonly body: Json;
  /** Of the session. */
  readonly user: string | null;
  /** `open` until there is an answer; `reset` when there was none. */
  readonly status: number | "open" | "reset";
  /** Of the answer, or why there is none. */
  readonly error: string | null;
  /** How long it took by the real clock, in tenths. */
  readonly ms: number;
}

/** What a request is logged with when it comes. */
export type NewRequest = Omit<
  LoggedRequest,
  "status" | "error" | "ms" | "user"
>;

type Writable = { -readonly [K in keyof LoggedRequest]: LoggedRequest[K] };

/** Where the end of a request is told; before that it is `open`. */
export interface OpenRequest {
  setUser(user: string): void;
  end(status: number | "reset", error?: string | null): void;
}

/** So that an array that runs for days does not fill the memory. */
const keptRequests = 100_000;

/** Of paths, queries and bodies, roughly: bodies may have 1 MiB each. */
const keptCharacters = 64 * 1024 ** 2;

/** Every request in the order of arrival; a request is in it before it is executed. */
export class RequestLog {
  #requests: Writable[] = [];
  /** Of each request, in the same order. */
  #lengths: number[] = [];
  #length = 0;
  #dropped = 0;

  /** Logs an arrival. */
  add(request: NewRequest): OpenRequest {
    const beganMs = performance.now();
    const entry: Writable = {
      ...request,
      body: maskSecrets(request.body),
      user: null,
      status: "open",
      error: null,
      ms: 0,
    };
    this.#requests.push(entry);
    const length = JSON.stringify(request).length;
    this.#lengths.push(length);
    this.#length += length;
    this.#dropOldest();
    return {
      setUser: (user) => {
        entry.user = user;
      },
      end: (status, error = null) => {
        entry.status = status;
        entry.error = error;
        entry.ms = Math.round((performance.now() - beganMs) * 10) / 10;
      },
    };
  }

  /** A point in time for `since`. */
  mark(): number {
    return this.#dropped + this.#requests.length;
  }

  /** What came after a mark; all without one. */
  since(mark = 0): readonly LoggedRequest[] {
    return this.#requests.slice(Math.max(0, mark - this.#dropped));
  }

  /** The requests with this method and path, such as `POST`, `volumes`. */
  calls(method: string, path: string, mark = 0): readonly LoggedRequest[] {
    return this.since(mark).filter(
      (request) => request.method === method && request.path === path,
    );
  }

  /** The newest stays, however long it is. */
  #dropOldest(): void {
    while (
      this.#requests.length > keptRequests ||
      (this.#length > keptCharacters && this.#requests.length > 1)
    ) {
      this.#requests.shift();
      this.#length -= this.#lengths.shift() ?? 0;
      this.#dropped += 1;
    }
  }
}
