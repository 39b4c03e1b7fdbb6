import { randomUUID } from "node:crypto";
import type { Clock } from "../clock.ts";

/** A session as others may see it. */
export interface Session {
  readonly user: string;
  readonly lastUsedMs: number;
}

/** Sessions of the array; each ends after some idle time by the array's clock, by logout or by revoking. */
export class Sessions {
  readonly #clock: Clock;
  readonly #settings: { readonly idleTimeoutMs: number };
  readonly #open = new Map<string, Session>();
  #logins = 0;

  constructor(clock: Clock, settings: { readonly idleTimeoutMs: number }) {
    this.#clock = clock;
    this.#settings = settings;
  }

  /** How many logins succeeded so far. */
  get logins(): number {
    return this.#logins;
  }

  /** How many sessions are open. */
  get size(): number {
    this.#dropIdle();
    return this.#open.size;
  }

  /** Opens a session; its token goes into the header `x-auth-token`. */
  open(user: string): string {
    this.#dropIdle();
    const token = randomUUID();
    this.#logins += 1;
    this.#open.set(token, { user, lastUsedMs: this.#clock.now() });
    return token;
  }

  /** The session of a token, which counts as used now; null when there is none or it has ended. */
  use(token: string | undefined): Session | null {
    this.#dropIdle();
    const session = this.#open.get(token ?? "");
    if (token === undefined || session === undefined) {
      return null;
    }
    const used = { ...session, lastUsedMs: this.#clock.now() };
    this.#open.set(token, used);
    return used;
  }

  /** Ends one session. */
  revoke(token: string | undefined): void {
    this.#open.delete(token ?? "");
  }

  /** Ends all sessions, as an administrator or a new primary controller does. */
  revokeAll(): void {
    this.#open.clear();
  }

  #dropIdle(): void {
    const { idleTimeoutMs } = this.#settings;
    if (idleTimeoutMs === 0) {
      return;
    }
    const now = this.#clock.now();
    for (const [token, { lastUsedMs }] of this.#open) {
      if (now - lastUsedMs >= idleTimeoutMs) {
        this.#open.delete(token);
      }
    }
  }
}
