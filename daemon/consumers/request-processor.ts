import {
  DaemonError,
  RequestError,
  StoreUnavailableError,
  faultOf,
} from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { ConfirmedPublisher } from "./confirmed-publisher.ts";
import {
  type DecodedDelivery,
  decodeDelivery,
  requestOf,
} from "./decode-delivery.ts";
import type { Delivery } from "./delivery.ts";
import type { Verdict } from "./disposition.ts";
import { forwardRequest, wasForwarded } from "./forwarding.ts";
import { startHeartbeats } from "./heartbeats.ts";
import { insist } from "./insist.ts";
import type { OsloMessageSender } from "./message-sender.ts";
import { newUniqueId } from "./oslo-reply.ts";
import { readCall } from "./oslo-request.ts";
import { dispatch } from "./rpc-dispatcher.ts";
import type { HandlerResult, RpcHandler } from "./rpc-request.ts";
import { SeenMessages } from "./seen-messages.ts";
import type { StoreHold } from "./store-hold.ts";

/** What a {@link RequestProcessor} needs. */
export interface RequestProcessorOptions {
  readonly exchange: string;
  readonly topic: string;
  readonly handlers: ReadonlyMap<string, RpcHandler>;
  readonly sender: Pick<OsloMessageSender, "sendReply" | "sendHeartbeat">;
  readonly publisher: ConfirmedPublisher;
  readonly hold: StoreHold;
  /** Broker users that may administrate; null: whoever the context calls an admin. */
  readonly adminBrokerUsers: readonly string[] | null;
  readonly logger: Logger;
  /** Aborted when the daemon stops. */
  readonly stop: AbortSignal;
}

/** What happened to a message, for the metrics. */
export type Treatment = "served" | "repeated" | "rejected" | "returned";

type Facts = Readonly<Record<string, unknown>>;

/** What a handler, or the lack of one, came to. */
type Served =
  | { readonly kind: "result"; readonly result: HandlerResult; facts: Facts }
  | { readonly kind: "given-up" }
  | { readonly kind: "orphaned" };

const LATE_REPLY_MS = 60_000;

function failure(error: unknown): HandlerResult {
  return {
    kind: "answer",
    outcome: { kind: "failure", fault: faultOf(error) },
  };
}

function told(result: HandlerResult): Facts {
  if (result.kind !== "answer") {
    return { outcome: result.kind };
  }
  const { outcome } = result;
  return outcome.kind === "result"
    ? { outcome: "result" }
    : { outcome: "failure", code: outcome.fault.code };
}

/** Treats one message from its bytes to its end. */
export class RequestProcessor {
  readonly #options: RequestProcessorOptions;
  readonly #seen = new SeenMessages();

  constructor(options: RequestProcessorOptions) {
    this.#options = options;
  }

  async process(delivery: Delivery): Promise<Treatment> {
    const decoded = decodeDelivery(delivery, this.#options.logger);
    if (decoded === null) {
      delivery.settle("undecodable");
      return "rejected";
    }
    const treatment: { verdict: Verdict } = { verdict: "settled" };
    const fate = await this.#seen.once(
      identity(delivery, decoded),
      async () => {
        treatment.verdict = await this.#treat(delivery, decoded);
        return treatment.verdict === "settled";
      },
    );
    delivery.settle(treatment.verdict);
    if (fate === "repeat") {
      return "repeated";
    }
    return treatment.verdict === "settled" ? "served" : "returned";
  }

  async #treat(delivery: Delivery, decoded: DecodedDelivery): Promise<Verdict> {
    const startedMs = performance.now();
    const served = await this.#serve(delivery, decoded);
    if (served.kind !== "result") {
      return served.kind;
    }
    let { result } = served;
    let verdict: Verdict = "settled";
    if (result.kind === "forward") {
      const fate = await this.#forward(delivery, decoded, result.backend);
      if (fate === "unroutable") {
        result = failure(noBackend(result.backend));
      } else {
        verdict = fate;
      }
    }
    if (result.kind === "answer") {
      verdict = await this.#answer(delivery, decoded, result);
    }
    if (verdict === "settled") {
      const ms = Math.round(performance.now() - startedMs);
      const facts = { ...served.facts, ...told(result), ms };
      this.#options.logger.info("request", facts);
    }
    return verdict;
  }

  /** Runs the handler; while the store is away, again and again. */
  async #serve(delivery: Delivery, decoded: DecodedDelivery): Promise<Served> {
    const { handlers, hold, sender, stop } = this.#options;
    const dispatched = dispatch(readCall(decoded.body), handlers);
    if (dispatched.kind === "refused") {
      const { fault } = dispatched;
      const outcome = { kind: "failure", fault } as const;
      const facts = { reason: fault.message };
      return { kind: "result", result: { kind: "answer", outcome }, facts };
    }
    const { method, handler } = dispatched;
    const facts = this.#facts(decoded, method);
    using stack = new DisposableStack();
    stack.use(startHeartbeats(sender, decoded.address.reply));
    let wasHeld = false;
    for (;;) {
      try {
        const { adminBrokerUsers } = this.#options;
        const request = requestOf(delivery, decoded, method, adminBrokerUsers);
        const result = await handler(request, { signal: stop });
        // Others may not have needed the store: only one that had missed it tells that it is back.
        if (wasHeld) {
          hold.reached();
        }
        return { kind: "result", result, facts };
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) {
          if (wasHeld) {
            hold.reached();
          }
          this.#logUnexpected(error, facts);
          return { kind: "result", result: failure(error), facts };
        }
        wasHeld = true;
        if (!(await hold.mayRetry(delivery.signal, stop))) {
          return { kind: delivery.signal.aborted ? "orphaned" : "given-up" };
        }
      }
    }
  }

  #facts({ body, address }: DecodedDelivery, method: string): Facts {
    const requestId = body["_context_request_id"];
    const facts = {
      method,
      requestId: typeof requestId === "string" ? requestId : null,
    };
    if (address.lacksReplyQueue) {
      this.#options.logger.warn("call without a reply queue", {
        code: "REPLY_TARGET_MISSING",
        ...facts,
      });
    }
    return facts;
  }

  #logUnexpected(error: unknown, facts: Facts): void {
    if (!(error instanceof DaemonError)) {
      this.#options.logger.error("request failed unexpectedly", {
        ...facts,
        error,
      });
    }
  }

  async #forward(
    delivery: Delivery,
    { address }: DecodedDelivery,
    backend: string,
  ): Promise<"unroutable" | Verdict> {
    if (wasForwarded(delivery)) {
      return "unroutable";
    }
    const { exchange, topic, publisher, stop, logger } = this.#options;
    const deadlineMs = address.reply?.deadlineMs ?? null;
    const target = { exchange, topic, backend, deadlineMs };
    const fate = await insist(
      async () => await forwardRequest(publisher, delivery, target),
      { delivery: delivery.signal, stop, untilMs: Infinity, logger },
    );
    if (fate === "unroutable" || fate === "orphaned") {
      return fate;
    }
    return fate === "confirmed" ? "settled" : "given-up";
  }

  async #answer(
    delivery: Delivery,
    { address: { reply } }: DecodedDelivery,
    { outcome }: Extract<HandlerResult, { kind: "answer" }>,
  ): Promise<Verdict> {
    if (reply === null) {
      return "settled";
    }
    const { sender, stop, logger } = this.#options;
    const uniqueId = newUniqueId();
    const nowMs = Date.now();
    const untilMs = Math.max(nowMs, reply.deadlineMs ?? nowMs) + LATE_REPLY_MS;
    const fate = await insist(
      async () =>
        await sender.sendReply(reply, uniqueId, outcome, {
          // A dead caller must not keep the queue behind it waiting.
          onMissingQueue: () => delivery.settle("settled"),
        }),
      { delivery: delivery.signal, stop, untilMs, logger },
    );
    return fate === "orphaned" || fate === "given-up" ? fate : "settled";
  }
}

/** What a copy has too. A request that comes back to the daemon that passed it on is no copy. */
function identity(
  delivery: Delivery,
  { address: { uniqueId } }: DecodedDelivery,
): string | null {
  return uniqueId !== null && wasForwarded(delivery)
    ? `${uniqueId}, forwarded`
    : uniqueId;
}

function noBackend(backend: string): RequestError {
  return new RequestError(
    "NO_VALID_BACKEND",
    `no running ivcd serves the backend ${JSON.stringify(backend.slice(0, 80))}; check its name`,
    { remoteClass: "NoValidBackend", status: 404 },
  );
}
