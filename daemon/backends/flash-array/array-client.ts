import type { ZodType } from "zod";
import type { Options } from "../volume-backend.ts";
import type { RestVersion } from "./rest-version.ts";

/** Values of a query; lists become one comma-separated value, each part percent-encoded. */
export type Query = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>;

/** Options of a call. */
export interface CallOptions extends Options {
  /** Behind all others in the queue: nobody waits for it. */
  readonly isBackground?: boolean;
}

/** A change on the array. */
export interface Write {
  readonly method: "POST" | "PATCH" | "PUT" | "DELETE";
  /** Below `/api/2.x/`, such as `volumes/tags/batch`. */
  readonly path: string;
  readonly query: Query;
  readonly body?: unknown;
}

/**
 * A FlashArray's REST interface with one session. Reads are repeated over outages that pass; writes never are: their
 * outcome is told, or it is unknown.
 */
export interface ArrayClient extends AsyncDisposable {
  /** What was agreed on with the array. */
  readonly version: RestVersion;
  /**
   * All items of a list, page by page, each checked against `item`.
   *
   * @throws {ArrayRefusedError} 400
   * @throws {BackendError} `ARRAY_UNREACHABLE`, `ARRAY_BUSY`, `ARRAY_LOGIN`, `ARRAY_FORBIDDEN`, `ARRAY_ANSWER`
   */
  list<T>(
    path: string,
    query: Query,
    item: ZodType<T>,
    options: CallOptions,
  ): Promise<readonly T[]>;
  /**
   * Sends a change once. A 401 or 403 (never executed) is replayed after one login; nothing else is. Once it has left, an
   * abort does not end it: its answer, or the end of its time, is waited for.
   *
   * @returns the items of the answer, each checked against `item`
   * @throws {ArrayRefusedError} 400: not done
   * @throws {UnknownOutcomeError} it may or may not have been done: read back
   * @throws {BackendError} `ARRAY_UNREACHABLE`, `ARRAY_BUSY`, `ARRAY_LOGIN`, `ARRAY_FORBIDDEN`: not done
   */
  write<T>(
    write: Write,
    item: ZodType<T>,
    options: CallOptions,
  ): Promise<readonly T[]>;
}
