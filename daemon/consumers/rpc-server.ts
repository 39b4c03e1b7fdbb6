import type { ConsumeMessage } from "amqplib";
import type { Logger } from "../logger.ts";
import type { AmqpEndpoint } from "./amqp-endpoint.ts";
import { AmqpLink } from "./amqp-link.ts";
import type { AmqpSession } from "./amqp-session.ts";
import type { ConfirmedPublisher } from "./confirmed-publisher.ts";
import { Delivery } from "./delivery.ts";
import type { OsloMessageSender } from "./message-sender.ts";
import {
  type RpcQueues,
  type RpcTopology,
  declareRpcTopology,
} from "./oslo-topology.ts";
import { RequestProcessor, type Treatment } from "./request-processor.ts";
import type { RpcHandler } from "./rpc-request.ts";
import { StoreHold } from "./store-hold.ts";

/** What an {@link RpcServer} needs. */
export interface RpcServerOptions {
  readonly endpoints: readonly AmqpEndpoint[];
  /** Name of the connection, for the broker's tools. */
  readonly name: string;
  readonly logger: Logger;
  readonly topology: RpcTopology;
  readonly handlers: ReadonlyMap<string, RpcHandler>;
  readonly sender: Pick<OsloMessageSender, "sendReply" | "sendHeartbeat">;
  readonly publisher: ConfirmedPublisher;
  /** Whether the shared store takes writes; asked while it is away. */
  readonly storeReady: () => Promise<boolean>;
  readonly adminBrokerUsers?: readonly string[] | null;
  /** Unacknowledged messages per queue. */
  readonly prefetch?: number;
  /** How long messages are kept while the store is away, before they are returned. */
  readonly holdMs?: number;
  readonly storeRetryMs?: number;
  readonly maxBackoffMs?: number;
  readonly heartbeatS?: number;
}

/** How long handlers that were told to stop are waited for. */
const STOP_MS = 5000;

/** Why nothing is consumed: several reasons may hold at once. */
export type PauseReason = "high-water" | "drain" | "store-away";

/** Consumes requests on a connection of its own and has them treated. */
export class RpcServer implements AsyncDisposable {
  readonly #options: RpcServerOptions;
  readonly #link: AmqpLink;
  readonly #processor: RequestProcessor;
  readonly #hold: StoreHold;
  readonly #stop = new AbortController();
  readonly #pauses = new Set<PauseReason>();
  readonly #inWork = new Set<Promise<void>>();
  readonly #counts = {
    served: 0,
    repeated: 0,
    rejected: 0,
    returned: 0,
    expired: 0,
  };
  #live: { session: AmqpSession; queues: RpcQueues } | null = null;
  #tags: readonly string[] = [];
  #syncing: Promise<void> = Promise.resolve();

  constructor(options: RpcServerOptions) {
    this.#options = options;
    this.#hold = new StoreHold({
      storeReady: options.storeReady,
      holdMs: options.holdMs ?? 30_000,
      retryMs: options.storeRetryMs ?? 1000,
      onAway: () => this.#leaveToOthers(),
      onBack: () => this.#takeUpAgain(),
    });
    this.#processor = new RequestProcessor({
      exchange: options.topology.exchange,
      topic: options.topology.topic,
      handlers: options.handlers,
      sender: options.sender,
      publisher: options.publisher,
      hold: this.#hold,
      adminBrokerUsers: options.adminBrokerUsers ?? null,
      logger: options.logger,
      stop: this.#stop.signal,
    });
    this.#link = new AmqpLink({
      endpoints: options.endpoints,
      name: options.name,
      logger: options.logger,
      setup: async (session) => await this.#setUp(session),
      maxBackoffMs: options.maxBackoffMs ?? 5000,
      ...(options.heartbeatS === undefined
        ? {}
        : { heartbeatS: options.heartbeatS }),
    });
  }

  get isConnected(): boolean {
    return this.#link.isConnected;
  }

  /** True while messages are taken. */
  get isConsuming(): boolean {
    return this.#link.isConnected && this.#tags.length > 0;
  }

  get pauseReasons(): readonly PauseReason[] {
    return [...this.#pauses];
  }

  /** Messages taken and not finished. */
  get inWork(): number {
    return this.#inWork.size;
  }

  /** What became of messages since the start; `expired` were never taken by anybody. */
  get counts(): Readonly<Record<Treatment | "expired", number>> {
    return this.#counts;
  }

  start(): void {
    this.#link.start();
  }

  /** Resolves when the first set-up is done, for tests and tools; rejects after `timeoutMs`. */
  async ready(timeoutMs: number): Promise<void> {
    await this.#link.ready(timeoutMs);
    await this.#syncing;
  }

  /** Takes no more messages; those in work go on. */
  async pause(reason: PauseReason): Promise<void> {
    this.#pauses.add(reason);
    await this.#sync();
  }

  /** Takes messages again, once no other reason is left. */
  async resume(reason: PauseReason): Promise<void> {
    this.#pauses.delete(reason);
    await this.#sync();
  }

  /** Stops taking messages and waits until those in work are finished, or the signal is aborted. */
  async drain({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    // Cancelling may hang with the broker, so it counts like what is in work.
    const paused = this.pause("drain");
    const given = Promise.withResolvers<undefined>();
    const giveUp = () => given.resolve(undefined);
    signal.addEventListener("abort", giveUp, { once: true });
    if (signal.aborted) {
      giveUp();
    }
    const finished = paused.then(async () => await Promise.all(this.#inWork));
    finished.catch(() => {});
    await Promise.race([finished, given.promise]);
    signal.removeEventListener("abort", giveUp);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#link[Symbol.asyncDispose]();
    await this.drain({ signal: AbortSignal.timeout(STOP_MS) });
  }

  async #setUp(session: AmqpSession): Promise<void> {
    const { topology, logger, prefetch } = this.#options;
    const queues = await declareRpcTopology(session, topology, logger);
    await session.channel.prefetch(prefetch ?? 16);
    this.#live = { session, queues };
    this.#tags = [];
    await this.#sync();
  }

  /** Brings the consumers in line with the reasons to pause; one call after the other. */
  async #sync(): Promise<void> {
    const previous = this.#syncing;
    const turn = Promise.withResolvers<void>();
    this.#syncing = turn.promise;
    await previous;
    try {
      await this.#consumeOrCancel();
    } finally {
      turn.resolve();
    }
  }

  async #consumeOrCancel(): Promise<void> {
    const live = this.#live;
    const shallConsume = this.#pauses.size === 0;
    if (live === null || live.session.signal.aborted) {
      return;
    }
    if (shallConsume && this.#tags.length === 0) {
      this.#tags = await this.#consume(live.session, live.queues);
    } else if (!shallConsume && this.#tags.length > 0) {
      const tags = this.#tags;
      this.#tags = [];
      await this.#cancel(live.session, tags);
    }
  }

  async #consume(
    session: AmqpSession,
    queues: RpcQueues,
  ): Promise<readonly string[]> {
    const tags: string[] = [];
    for (const queue of queues.requests) {
      const { consumerTag } = await session.channel.consume(queue, (message) =>
        this.#receive(session, message),
      );
      tags.push(consumerTag);
    }
    const { consumerTag } = await session.channel.consume(
      queues.expired,
      (message) => {
        if (message === null) {
          this.#link.rebuild("a consumer was cancelled");
        } else {
          this.#counts.expired += 1;
        }
      },
      { noAck: true },
    );
    return [...tags, consumerTag];
  }

  async #cancel(session: AmqpSession, tags: readonly string[]): Promise<void> {
    try {
      for (const tag of tags) {
        await session.channel.cancel(tag);
      }
    } catch {
      // The channel is gone, and its consumers with it.
    }
  }

  #receive(session: AmqpSession, message: ConsumeMessage | null): void {
    if (message === null) {
      // The broker cancelled the consumer: its queue was deleted.
      this.#link.rebuild("the broker cancelled a consumer");
      return;
    }
    const work = this.#treat(new Delivery(session, message));
    this.#inWork.add(work);
    void work.finally(() => this.#inWork.delete(work));
  }

  async #treat(delivery: Delivery): Promise<void> {
    try {
      this.#counts[await this.#processor.process(delivery)] += 1;
    } catch (error) {
      this.#options.logger.error("message not treated", { error });
      delivery.settle("undecodable");
    }
  }

  /** Gives everything unacknowledged back, by closing the channel. */
  #leaveToOthers(): void {
    this.#options.logger.warn("store away, messages returned");
    this.#pauses.add("store-away");
    this.#link.rebuild("the store is away");
  }

  #takeUpAgain(): void {
    this.#options.logger.info("store back, messages taken again");
    this.resume("store-away").catch((error: unknown) => {
      this.#options.logger.warn("consumers not started", { error });
      this.#link.rebuild("consumers could not be started");
    });
  }
}
