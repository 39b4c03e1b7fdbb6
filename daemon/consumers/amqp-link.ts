import { randomUUID } from "node:crypto";
import type { ChannelModel } from "amqplib";
import {
  brokerError,
  closeConnection,
  openConnection,
  replyCode,
} from "./amqp-connect.ts";
import type { AmqpEndpoint } from "./amqp-endpoint.ts";
import type { AmqpLinkOptions } from "./amqp-link-options.ts";
import { type AmqpSession, withChannel } from "./amqp-session.ts";
import { Backoff } from "./backoff.ts";
import { BrokerError } from "./broker-error.ts";
import { dropIfSlow } from "./drop-if-slow.ts";
import { whenAborted } from "./when-aborted.ts";

/**
 * A channel that comes back, over all hosts of the broker. Its life:
 *
 *     idle        -> connecting   start()
 *     connecting  -> setting-up   a host accepted
 *     connecting  -> connecting   refused: the next host, after a jittered pause of up to 5 s
 *     setting-up  -> ready        set-up done
 *     setting-up, ready -> setting-up   the channel was closed (404, 406, 541, rebuild()), the connection lives
 *     setting-up, ready -> connecting   the connection is gone
 *     any         -> closed       disposed
 */
type LinkState = "idle" | "connecting" | "setting-up" | "ready" | "closed";

/** A recovering channel in confirm mode on a connection of its own. */
export class AmqpLink implements AsyncDisposable {
  readonly #options: AmqpLinkOptions;
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  readonly #waiters = new Set<(session: AmqpSession) => void>();
  #state: LinkState = "idle";
  #session: AmqpSession | null = null;
  #isBlocked = false;
  #lastCode = "";
  #running: Promise<void> = Promise.resolve();

  constructor(options: AmqpLinkOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.maxBackoffMs ?? 5000);
  }

  get state(): LinkState {
    return this.#state;
  }

  /** True while the channel is set up and the broker takes messages from us. */
  get isConnected(): boolean {
    return this.#session !== null && !this.#isBlocked;
  }

  /** True while the broker, short of memory or disk, reads nothing from this connection. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** The channel in use; null while there is none. */
  get session(): AmqpSession | null {
    return this.#session;
  }

  /** Begins to connect, and goes on until disposed. */
  start(): void {
    if (this.#state === "idle") {
      this.#running = this.#run();
    }
  }

  /** The channel as soon as it is ready and not blocked; rejects with `AMQP_UNAVAILABLE` after `timeoutMs`. */
  async ready(timeoutMs: number): Promise<AmqpSession> {
    if (this.#session !== null && !this.#isBlocked) {
      return this.#session;
    }
    const arrival = Promise.withResolvers<AmqpSession>();
    const timer = setTimeout(
      () =>
        arrival.reject(
          new BrokerError(
            "AMQP_UNAVAILABLE",
            this.#isBlocked
              ? "the broker takes no messages (short of memory or disk)"
              : "no connection to the broker",
          ),
        ),
      timeoutMs,
    );
    this.#waiters.add(arrival.resolve);
    try {
      return await arrival.promise;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(arrival.resolve);
    }
  }

  /** Closes the channel, so that a new one is set up. */
  rebuild(reason: string): void {
    const session = this.#session;
    if (session !== null) {
      this.#options.logger.info("amqp channel is set up anew", {
        link: this.#options.name,
        reason,
      });
      session.channel.close().catch(() => {});
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = "closed";
    this.#stop.abort(new BrokerError("AMQP_CLOSED", "the link was closed"));
    await this.#running;
  }

  async #run(): Promise<void> {
    const { endpoints, name } = this.#options;
    let turn = Math.floor(Math.random() * endpoints.length);
    while (!this.#stop.signal.aborted) {
      this.#state = "connecting";
      const endpoint = endpoints[turn % endpoints.length];
      turn += 1;
      if (endpoint === undefined) {
        throw new BrokerError(
          "AMQP_URL",
          `${name} has no broker to connect to`,
        );
      }
      try {
        await this.#serveConnection(endpoint);
      } catch (error) {
        this.#report(error, endpoint);
      }
      await this.#backoff.pause([this.#stop.signal]);
    }
    this.#state = "closed";
  }

  async #serveConnection(endpoint: AmqpEndpoint): Promise<void> {
    const connection = await openConnection(endpoint, this.#options);
    const connectionId = randomUUID().replaceAll("-", "");
    const gone = new AbortController();
    let cause: unknown = null;
    connection.on("error", (error) => {
      cause = error;
    });
    // A forced close comes without an `error` event, so only `close` counts.
    connection.on("close", (error) =>
      gone.abort(error ?? cause ?? new Error("closed")),
    );
    connection.on("blocked", (reason) => this.#block(reason));
    connection.on("unblocked", () => this.#unblock());
    try {
      while (!gone.signal.aborted && !this.#stop.signal.aborted) {
        await this.#serveChannel(connection, connectionId, endpoint, gone);
        if (!gone.signal.aborted) {
          await this.#backoff.pause([gone.signal, this.#stop.signal]);
        }
      }
    } finally {
      this.#unblock();
      await closeConnection(connection);
    }
    if (!this.#stop.signal.aborted) {
      throw gone.signal.reason;
    }
  }

  /** Lives as long as one channel; never rejects. */
  async #serveChannel(
    connection: ChannelModel,
    connectionId: string,
    endpoint: AmqpEndpoint,
    connectionGone: AbortController,
  ): Promise<void> {
    this.#state = "setting-up";
    const gone = new AbortController();
    const ending = AbortSignal.any([
      gone.signal,
      connectionGone.signal,
      this.#stop.signal,
    ]);
    let failure: unknown = null;
    let readyAtMs = Infinity;
    try {
      const channel = await connection.createConfirmChannel();
      channel.on("error", (error) => {
        failure = error;
      });
      channel.on("close", () =>
        gone.abort(new Error("the channel was closed")),
      );
      const session: AmqpSession = {
        channel,
        connectionId,
        signal: gone.signal,
        username: endpoint.username,
        probe: async (use) => await withChannel(connection, use),
      };
      await this.#setUp(session, ending, connectionGone);
      readyAtMs = performance.now();
      await whenAborted(ending);
    } catch (error) {
      this.#session = null;
      // One that breaks again and again right after its set-up is not to be rebuilt in a hurry.
      if (performance.now() - readyAtMs > 5000) {
        this.#backoff.reset();
        this.#lastCode = "";
      }
      // A closing that we asked for, or one with its connection, is told elsewhere.
      if (failure !== null || !ending.aborted) {
        this.#report(failure ?? error, endpoint);
      }
    }
  }

  async #setUp(
    session: AmqpSession,
    ending: AbortSignal,
    connectionGone: AbortController,
  ): Promise<void> {
    using _ = dropIfSlow(
      connectionGone,
      this.#options.setupTimeoutMs ?? 15_000,
    );
    const work = this.#options.setup(session);
    const given = whenAborted(ending);
    given.catch(() => {});
    try {
      await Promise.race([work, given]);
    } catch (error) {
      work.catch(() => {});
      session.channel.close().catch(() => {});
      throw error;
    }
    this.#session = session;
    this.#state = "ready";
    this.#backoff.ease();
    const event =
      this.#lastCode === "" ? "amqp link is up" : "amqp link is back";
    this.#options.logger.info(event, { link: this.#options.name });
    this.#wake();
  }

  #wake(): void {
    if (this.#session !== null && !this.#isBlocked) {
      for (const arrived of this.#waiters) {
        arrived(this.#session);
      }
    }
  }

  #block(reason: string): void {
    this.#isBlocked = true;
    this.#options.logger.warn("broker blocks publishing", {
      link: this.#options.name,
      reason,
    });
  }

  #unblock(): void {
    this.#isBlocked = false;
    this.#wake();
  }

  /** Says a failure once, and again when it is another one. */
  #report(error: unknown, endpoint: AmqpEndpoint): void {
    if (this.#stop.signal.aborted) {
      return;
    }
    const where = `broker ${endpoint.host}:${endpoint.port}`;
    const { code, message } = brokerError(error, where);
    const level = code === this.#lastCode ? "debug" : "warn";
    this.#lastCode = code;
    this.#options.logger[level]("amqp link failed", {
      link: this.#options.name,
      code,
      replyCode: replyCode(error),
      reason: message,
    });
  }
}
