import { randomUUID } from "node:crypto";
import { type Agent, request as httpsRequest } from "node:https";
import got from "got";
import { UntrustedError } from "./verified-agent.ts";

/** One HTTP request as it goes to an array. */
export interface ExchangeRequest {
  readonly method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  readonly url: string;
  /** Names in lower case. The session or token is one of them, so they are never logged. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** What came of it. */
export type Exchange =
  | {
      readonly kind: "reply";
      readonly status: number;
      /** Names in lower case. */
      readonly headers: Readonly<Record<string, string | string[] | undefined>>;
      readonly text: string;
    }
  | {
      readonly kind: "lost";
      /** False only when no byte of the request can have reached the array. */
      readonly mayHaveArrived: boolean;
      readonly isUntrusted: boolean;
      /** Without URLs, headers and secrets. */
      readonly why: string;
    };

/** What every exchange with an array shares. */
export interface ExchangeOptions {
  readonly agent: Agent;
  readonly userAgent: string;
  readonly timeoutMs: number;
}

/** What ends an exchange before its time. */
export interface ExchangeEnds {
  /** Heard only while nothing has left. */
  readonly callOff: AbortSignal;
  /** Heard to the end. */
  readonly cut: AbortSignal;
}

/** A page of a list has some MB; what is larger is no answer of an array, and must not fill the memory. */
const maxAnswerBytes = 64 * 1024 ** 2;
const tooLarge = new Error(`its answer exceeds ${maxAnswerBytes} bytes`);

/** Sends one request, once, and never throws: nothing is followed, repeated or decoded behind our back. */
export async function exchange(
  request: ExchangeRequest,
  requestId: string,
  { agent, userAgent, timeoutMs }: ExchangeOptions,
  { callOff, cut }: ExchangeEnds,
): Promise<Exchange> {
  let mayHaveArrived = false;
  const calledOff = new AbortController();
  const onCallOff = (): void => {
    calledOff.abort(callOff.reason);
  };
  callOff.addEventListener("abort", onCallOff, { once: true });
  try {
    const call = got(request.url, {
      method: request.method,
      headers: {
        accept: "application/json",
        ...request.headers,
        "user-agent": userAgent,
        "x-request-id": requestId,
      },
      ...(request.body !== undefined && { json: request.body }),
      agent: { https: agent },
      // The agent hands a socket out when it is verified, so before this event nothing has left.
      request: (url, options, callback) =>
        httpsRequest(url, options, callback).once("socket", (socket) => {
          mayHaveArrived ||= !socket.destroyed;
          callOff.removeEventListener("abort", onCallOff);
        }),
      signal: AbortSignal.any([calledOff.signal, cut]),
      timeout: { request: timeoutMs },
      retry: { limit: 0 },
      decompress: false,
      followRedirect: false,
      throwHttpErrors: false,
      responseType: "text",
    });
    void call.on("downloadProgress", ({ transferred }) => {
      if (transferred > maxAnswerBytes) {
        calledOff.abort(tooLarge);
      }
    });
    const response = await call;
    return {
      kind: "reply",
      status: response.statusCode,
      headers: response.headers,
      text: response.body,
    };
  } catch (error) {
    const isTooLarge = calledOff.signal.reason === tooLarge;
    return {
      kind: "lost",
      mayHaveArrived,
      isUntrusted: isUntrustedError(error),
      why: reasonOf(isTooLarge ? tooLarge : error, timeoutMs),
    };
  } finally {
    callOff.removeEventListener("abort", onCallOff);
  }
}

/** An id that a support case can be opened with: arrays echo it. */
export function newRequestId(): string {
  return randomUUID();
}

/** Node's words for a certificate that does not fit. */
const untrustedCode =
  /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_ALTNAME_INVALID|HOSTNAME_MISMATCH|INVALID_CA)/;

function isUntrustedError(error: unknown): boolean {
  return chainOf(error).some(
    (each) =>
      each instanceof UntrustedError || untrustedCode.test(each.code ?? ""),
  );
}

// The client's own error carries headers with secrets, so only words go on.
function reasonOf(error: unknown, timeoutMs: number): string {
  const chain = chainOf(error);
  const code = chain.map((each) => each.code).findLast(Boolean);
  const untrusted = chain.find((each) => each instanceof UntrustedError);
  if (untrusted !== undefined) {
    return untrusted.message;
  }
  if (chain.some(({ name }) => name === "TimeoutError")) {
    return `no answer within ${timeoutMs} ms`;
  }
  const message = chain.at(-1)?.message || (code ?? "unknown error");
  return code === undefined || message.includes(code)
    ? message
    : `${message} (${code})`;
}

function chainOf(error: unknown): readonly NodeJS.ErrnoException[] {
  const chain: NodeJS.ErrnoException[] = [];
  let current = error;
  while (Error.isError(current) && chain.length < 5) {
    chain.push(current);
    current =
      current instanceof AggregateError
        ? (current.errors[0] as unknown)
        : current.cause;
  }
  return chain;
}
