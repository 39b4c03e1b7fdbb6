import { BackendError, throwIfAborted } from "../../errors.ts";
import type { Options } from "../volume-backend.ts";
import type { ArrayAnswer } from "./array-answer.ts";
import { arrayFailureOf } from "./array-failure.ts";
import type { ArrayWire, Sent, WireRequest } from "./array-wire.ts";
import { Patience, type PatienceLimits, patiently } from "./patience.ts";

/** What a session is made of. */
export interface SessionOptions {
  readonly wire: ArrayWire;
  readonly apiToken: string;
  /** As in URLs. */
  readonly version: string;
  readonly where: string;
  readonly patience: PatienceLimits;
  readonly onLogin: () => void;
  /** Longest time that closing takes. */
  readonly closeMs: number;
  /** How long a call that a fresh session was forbidden costs no other login. */
  readonly forbiddenMs: number;
}

/** A token that was refused is not tried again with each call. */
const refusalMs = 5000;
/** Bounds the replays of one call while sessions are revoked again and again. */
const mostReplays = 5;

/**
 * The one session of a client. A call without one waits for a login that all share; a session that is refused is
 * replaced once, however many calls saw it refused.
 */
export class Session implements AsyncDisposable {
  readonly #options: SessionOptions;
  readonly #closing = new AbortController();
  readonly #logouts = new Set<Promise<unknown>>();
  #token: string | null = null;
  /** The last session that the array has served a call with. */
  #served: string | null = null;
  #login: Promise<string> | null = null;
  /**
   * Calls that a fresh session was forbidden, and until when that is the role's doing: a 403 may also be the end of a
   * session (field practice), but a role that lacks a right must not cost a login with each call.
   */
  readonly #forbidden = new Map<string, number>();

  #refusal: { readonly error: BackendError; readonly untilMs: number } | null =
    null;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Logs in, if that is not done. */
  async open(options: Options): Promise<void> {
    await this.#current(options);
  }

  /**
   * Sends with the session. A 401 and a 403 were not executed (vendor's client relies on it), so the request is replayed
   * in a new session.
   */
  async send<T>(request: WireRequest<T>, options: Options): Promise<Sent<T>> {
    let token = await this.#current(options);
    for (let replays = 0; ; replays += 1) {
      const sent = await this.#options.wire.send(
        {
          ...request,
          headers: { ...request.headers, "x-auth-token": token },
        },
        options,
      );
      if (!this.#isReplayed(request, sent.answer.kind, token, replays)) {
        return sent;
      }
      this.#drop(token);
      token = await this.#current(options);
    }
  }

  /** Logs out, within bounds; a login under way is waited for, so that its session is not left on the array. */
  async [Symbol.asyncDispose](): Promise<void> {
    const signal = AbortSignal.timeout(this.#options.closeMs);
    await settled(this.#login, signal);
    this.#closing.abort(new Error("the session is closed"));
    if (this.#token !== null) {
      this.#logOut(this.#token, signal);
      this.#token = null;
    }
    await settled(Promise.all(this.#logouts), signal);
  }

  #isReplayed(
    { method, path }: WireRequest<unknown>,
    kind: ArrayAnswer["kind"],
    token: string,
    replays: number,
  ): boolean {
    const call = `${method} ${path}`;
    if (kind === "unauthorized") {
      // Again only where the session is known to have worked, which means that it was revoked too.
      const isUseless = token === this.#token && token !== this.#served;
      return replays < mostReplays && (replays === 0 || !isUseless);
    }
    if (kind === "forbidden") {
      return this.#isReplayedIfForbidden(call, token, replays);
    }
    if (kind === "ok" || kind === "refused") {
      this.#served = token;
      this.#forbidden.delete(call);
    }
    return false;
  }

  #isReplayedIfForbidden(
    call: string,
    token: string,
    replays: number,
  ): boolean {
    const now = performance.now();
    if (replays > 0) {
      this.#forbidden.set(call, now + this.#options.forbiddenMs);
      return false;
    }
    // Where the session was replaced meanwhile, a replay costs no login.
    return token !== this.#token || now >= (this.#forbidden.get(call) ?? 0);
  }

  async #current({ signal }: Options): Promise<string> {
    if (this.#token !== null) {
      return this.#token;
    }
    throwIfAborted(signal);
    if (this.#refusal !== null && performance.now() < this.#refusal.untilMs) {
      throw this.#refusal.error;
    }
    this.#login ??= this.#logIn().finally(() => {
      this.#login = null;
    });
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => {
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([this.#login, aborted]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  #drop(token: string): void {
    if (this.#token === token) {
      this.#token = null;
      // It may still live: a 401 or 403 says only that it did not serve this call.
      this.#logOut(token, this.#closing.signal);
    }
  }

  // Whoever waits for it may go away; the login goes on for the others.
  async #logIn(): Promise<string> {
    const { wire, apiToken, version, where, patience, onLogin } = this.#options;
    const options = { signal: this.#closing.signal };
    const request: WireRequest<string> = {
      method: "POST",
      path: "login",
      target: `/api/${version}/login`,
      headers: { "api-token": apiToken },
      read: (_, headers) => {
        const token = headers["x-auth-token"];
        if (typeof token !== "string" || token === "") {
          throw new Error("it has no x-auth-token header");
        }
        return token;
      },
      isRead: true,
    };
    const { answer, requestId } = await patiently(
      async () => await wire.send(request, options),
      new Patience(patience, true),
      options,
    );
    if (answer.kind !== "ok") {
      const what = `POST login (request ${requestId})`;
      if (!isRefusal(answer)) {
        throw arrayFailureOf(answer, { where, what, version, isRead: true });
      }
      const error = loginRefused(where, what, answer);
      this.#refusal = { error, untilMs: performance.now() + refusalMs };
      throw error;
    }
    this.#refusal = null;
    this.#token = answer.value;
    onLogin();
    return answer.value;
  }

  #logOut(token: string, signal: AbortSignal): void {
    const { wire, version } = this.#options;
    const logout = wire
      .send(
        {
          method: "POST",
          path: "logout",
          target: `/api/${version}/logout`,
          headers: { "x-auth-token": token },
          read: () => null,
          isRead: true,
        },
        { signal },
      )
      // Nobody waits for it, and an array ends idle sessions by itself.
      .catch(() => null)
      .finally(() => this.#logouts.delete(logout));
    this.#logouts.add(logout);
  }
}

type Refusal = Extract<
  ArrayAnswer,
  { readonly kind: "unauthorized" | "forbidden" | "refused" }
>;

function isRefusal(
  answer: Exclude<ArrayAnswer, { kind: "ok" }>,
): answer is Refusal {
  return ["unauthorized", "forbidden", "refused"].includes(answer.kind);
}

function loginRefused(
  where: string,
  what: string,
  answer: Refusal,
): BackendError {
  const says =
    answer.kind === "refused"
      ? answer.messages.map(({ message }) => message).join("; ")
      : answer.says;
  return new BackendError(
    "ARRAY_LOGIN",
    `${where} refuses ${what}: ${says}; the API token is wrong or expired, or its user may not log in: make a new one on the array`,
    { retry: "never" },
  );
}

async function settled(
  work: Promise<unknown> | null,
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<null>();
  signal.addEventListener("abort", () => resolve(null), { once: true });
  if (work !== null && !signal.aborted) {
    await Promise.race([work.catch(() => null), promise]);
  }
}
