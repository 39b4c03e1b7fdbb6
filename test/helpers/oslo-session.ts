import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { type OsloAnswer, helperScript } from "./run-python.ts";

/** A request as `oslo_session.py` takes it, without its id. */
export interface OsloRequest {
  readonly kind: "call" | "cast" | "fanout";
  readonly method: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly context?: Readonly<Record<string, unknown>>;
  readonly timeout?: number;
  readonly call_monitor_timeout?: number;
  readonly version?: string;
  readonly namespace?: string;
  readonly server?: string;
}

/** A notification as a listener of oslo.messaging gets it. */
export interface OsloNotification {
  readonly publisher_id: string;
  readonly event_type: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, unknown>>;
}

interface Answer extends OsloAnswer {
  readonly id: number;
}

/** One Python process with the real oslo.messaging that serves all calls of a test file. */
export class OsloSession implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #isReady = Promise.withResolvers<void>();
  #lastId = 0;

  private constructor(args: readonly string[]) {
    this.#child = spawn(
      "/usr/bin/python3",
      [helperScript("oslo_session.py"), ...args],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    createInterface(this.#child.stdout).on("line", (line) => {
      if (line === "READY") {
        this.#isReady.resolve();
        return;
      }
      const answer = JSON.parse(line) as Answer;
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
    this.#child.once("exit", (code) => {
      this.#isReady.reject(new Error(`oslo_session.py ended with ${code}`));
    });
  }

  static async start(options: {
    readonly url: string;
    readonly exchange: string;
    readonly topic: string;
    /** Exchange of notifications to listen to. */
    readonly listen?: string;
  }): Promise<OsloSession> {
    const session = new OsloSession(
      Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]),
    );
    await session.#isReady.promise;
    return session;
  }

  async send(request: OsloRequest): Promise<OsloAnswer> {
    return await this.#ask({ ...request });
  }

  /** A call with the defaults: an ordinary project, 30 s. */
  async call(
    method: string,
    args: Readonly<Record<string, unknown>>,
    more: Partial<OsloRequest> = {},
  ): Promise<OsloAnswer> {
    const context = { project_id: "project-a", user_id: "user-a" };
    return await this.send({ kind: "call", method, args, context, ...more });
  }

  /** What its listener got so far. */
  async notifications(): Promise<readonly OsloNotification[]> {
    const { result } = await this.#ask({ kind: "events" });
    return result as readonly OsloNotification[];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.stdin.end();
    await ended;
  }

  async #ask(request: Record<string, unknown>): Promise<Answer> {
    this.#lastId += 1;
    const id = this.#lastId;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#waiting.set(id, resolve);
    this.#child.stdin.write(`${JSON.stringify({ id, ...request })}\n`);
    return await promise;
  }
}
