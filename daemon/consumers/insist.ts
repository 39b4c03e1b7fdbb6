import { setTimeout as sleep } from "node:timers/promises";
import { faultOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { BrokerError } from "./broker-error.ts";

/** How long to go on, and who may end it. */
export interface Patience {
  /** The message's channel: gone, and somebody else has the message. */
  readonly delivery: AbortSignal;
  /** The daemon stops. */
  readonly stop: AbortSignal;
  readonly untilMs: number;
  readonly logger: Logger;
}

/** Why something was not sent. */
export type Unsent = "orphaned" | "given-up" | "too-late";

const RETRY_MS = 1000;

function reasonToEnd({ delivery, stop, untilMs }: Patience): Unsent | null {
  if (delivery.aborted) {
    return "orphaned";
  }
  if (stop.aborted) {
    return "given-up";
  }
  return Date.now() >= untilMs ? "too-late" : null;
}

/** Sends until the broker took it, or until there is no use in it any more. */
export async function insist<T>(
  send: () => Promise<T>,
  patience: Patience,
): Promise<T | Unsent> {
  const signal = AbortSignal.any([patience.delivery, patience.stop]);
  for (;;) {
    try {
      return await unlessStopped(send(), patience.stop);
    } catch (error) {
      const { code, message } = faultOf(error);
      patience.logger.debug("message not sent yet", { code, reason: message });
    }
    const reason = reasonToEnd(patience);
    if (reason !== null) {
      return reason;
    }
    await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
  }
}

/** A caller's queue may be waited for longer than a daemon may take to stop. */
async function unlessStopped<T>(
  sending: Promise<T>,
  stop: AbortSignal,
): Promise<T> {
  const stopped = Promise.withResolvers<never>();
  const end = () =>
    stopped.reject(new BrokerError("AMQP_CLOSED", "the daemon stops"));
  stop.addEventListener("abort", end, { once: true });
  if (stop.aborted) {
    end();
  }
  try {
    return await Promise.race([sending, stopped.promise]);
  } finally {
    stop.removeEventListener("abort", end);
  }
}
