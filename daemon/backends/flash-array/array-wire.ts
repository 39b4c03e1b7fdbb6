import type { Agent } from "node:https";
import { throwIfAborted } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { Options } from "../volume-backend.ts";
import { type ArrayAnswer, arrayAnswerOf, mayBeDone } from "./array-answer.ts";
import {
  type Exchange,
  type ExchangeRequest,
  exchange,
  newRequestId,
} from "./exchange.ts";

/** One exchange with an array, for metrics. */
export interface ArrayCallReport {
  readonly method: string;
  /** Below `/api/2.x/`, without names. */
  readonly path: string;
  readonly outcome:
    | "ok"
    | "refused"
    | "unauthorized"
    | "forbidden"
    | "busy"
    | "answer"
    | "unreachable"
    | "unknown"
    | "aborted";
  readonly ms: number;
}

/** A request and how its success is read. */
export interface WireRequest<T> extends Omit<ExchangeRequest, "url"> {
  /** For logs and errors: below `/api/2.x/`. */
  readonly path: string;
  /** Path and query from the root. */
  readonly target: string;
  /** Throws when the body is not what it should be. */
  readonly read: (body: unknown, headers: ReplyHeaders) => T;
  /** May be done twice: a read, or a login. */
  readonly isRead: boolean;
  /** What cuts it off once it has left; left out: its caller's abort. */
  readonly cut?: AbortSignal;
}

type ReplyHeaders = Extract<Exchange, { kind: "reply" }>["headers"];

/** An answer whose success was read. */
export type ReadAnswer<T> =
  | { readonly kind: "ok"; readonly value: T }
  | Exclude<ArrayAnswer, { kind: "ok" }>;

/** An answer and the id of the request it is for. */
export interface Sent<T> {
  readonly answer: ReadAnswer<T>;
  readonly requestId: string;
}

/** What the wire to an array is made of. */
export interface ArrayWireOptions {
  readonly origin: string;
  readonly agent: Agent;
  readonly userAgent: string;
  readonly timeoutMs: number;
  readonly logger: Logger;
  readonly onCall: (report: ArrayCallReport) => void;
}

/** Sends single requests to one array and tells what came of each: to its caller, the log and the metrics. */
export class ArrayWire {
  readonly #options: ArrayWireOptions;

  constructor(options: ArrayWireOptions) {
    this.#options = options;
  }

  /** Throws only the abort's reason, and not when a change may have been done. */
  async send<T>(
    request: WireRequest<T>,
    { signal }: Options,
  ): Promise<Sent<T>> {
    throwIfAborted(signal);
    const requestId = newRequestId();
    const startMs = performance.now();
    const { method, target, headers, body } = request;
    const result = await exchange(
      { method, url: this.#options.origin + target, headers, body },
      requestId,
      this.#options,
      { callOff: signal, cut: request.cut ?? signal },
    );
    const answer = readAnswer(result, request.read);
    const isAborted = answer.kind === "lost" && signal.aborted;
    this.#report(request, result, answer, isAborted, {
      requestId,
      ms: Math.round(performance.now() - startMs),
    });
    if (isAborted && (request.isRead || !answer.mayHaveArrived)) {
      throwIfAborted(signal);
    }
    return { answer, requestId };
  }

  #report(
    { method, path, isRead }: WireRequest<unknown>,
    result: Exchange,
    answer: ReadAnswer<unknown>,
    isAborted: boolean,
    { requestId, ms }: { readonly requestId: string; readonly ms: number },
  ): void {
    const outcome = outcomeOf(answer, isRead, isAborted);
    this.#options.logger.debug("array call", {
      method,
      path,
      status: result.kind === "reply" ? result.status : null,
      outcome,
      ...("why" in answer && { why: answer.why }),
      ms,
      requestId,
    });
    this.#options.onCall({ method, path, outcome, ms });
  }
}

function readAnswer<T>(
  result: Exchange,
  read: WireRequest<T>["read"],
): ReadAnswer<T> {
  const answer = arrayAnswerOf(result);
  if (answer.kind !== "ok") {
    return answer;
  }
  try {
    const headers = result.kind === "reply" ? result.headers : {};
    return { kind: "ok", value: read(answer.body, headers) };
  } catch (error) {
    const why = Error.isError(error) ? error.message : String(error);
    return { kind: "unusable", why };
  }
}

const outcomes = {
  ok: "ok",
  refused: "refused",
  unauthorized: "unauthorized",
  forbidden: "forbidden",
  busy: "busy",
  "unknown-path": "answer",
  unusable: "answer",
  broken: "unreachable",
  lost: "unreachable",
} as const;

function outcomeOf(
  answer: ReadAnswer<unknown>,
  isRead: boolean,
  isAborted: boolean,
): ArrayCallReport["outcome"] {
  if (answer.kind !== "ok" && !isRead && mayBeDone(answer)) {
    return "unknown";
  }
  return isAborted ? "aborted" : outcomes[answer.kind];
}
