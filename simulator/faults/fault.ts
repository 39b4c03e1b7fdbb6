/**
 * What goes wrong instead of an answer. `reset-after`, `truncated-json` and `cut-off` execute the request first; after
 * `slow` it is executed and answered as ever; the others do not execute it.
 */
export type Fault =
  /** The connection is closed without an answer. */
  | { readonly kind: "reset-before" }
  /** The lost reply: done, and the connection is closed without an answer. */
  | { readonly kind: "reset-after" }
  /** Executed after this long, in real time. */
  | { readonly kind: "slow"; readonly ms: number }
  /** No answer, and the connection stays open. */
  | { readonly kind: "hang" }
  /** `Invalid session.`, and the session is gone. */
  | { readonly kind: "unauthorized" }
  /** 403 as a gateway in front of the array writes it. */
  | { readonly kind: "forbidden" }
  /** 429 as a gateway writes it; `headers` are added to its rate-limit headers or replace them. */
  | {
      readonly kind: "too-many-requests";
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** 503 with a page of HTML. */
  | { readonly kind: "unavailable" }
  /** 500 with nothing. */
  | { readonly kind: "server-error" }
  /** The answer is whole for HTTP, but its JSON ends in the middle. */
  | { readonly kind: "truncated-json" }
  /** The connection is closed in the middle of the answer's body. */
  | { readonly kind: "cut-off" }
  /** 400 with this error: an array that is full, a limit that is reached. */
  | {
      readonly kind: "refuse";
      readonly message: string;
      readonly context?: string;
    };

/** What a fault's own condition may look at. */
export interface FaultRequest {
  readonly method: string;
  /** Below the version, such as `volumes/tags/batch` or `login`. */
  readonly path: string;
  /** As in the URL. */
  readonly query: string;
  readonly body: string;
}

/** A fault and the requests it is for. */
export interface FaultRule {
  /** Any, if absent. */
  readonly method?: string;
  /** Exactly this path or matching this expression; any, if absent. */
  readonly path?: string | RegExp;
  /** A further condition. */
  readonly when?: (request: FaultRequest) => boolean;
  /** How many matching requests go unharmed first; default 0. */
  readonly skip?: number;
  /** How often; default 1. */
  readonly times?: number | "always";
  readonly fault: Fault;
}

/** The kinds of faults, for those who ask for one by name. */
export const faultKinds: ReadonlySet<string> = new Set<Fault["kind"]>([
  "reset-before",
  "reset-after",
  "slow",
  "hang",
  "unauthorized",
  "forbidden",
  "too-many-requests",
  "unavailable",
  "server-error",
  "truncated-json",
  "cut-off",
  "refuse",
]);
