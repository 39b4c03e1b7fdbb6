import { BrokerError } from "./broker-error.ts";

/** Gives a connection up when the set-up of its channel hangs: such a channel answers no close either. */
export function dropIfSlow(
  connectionGone: AbortController,
  timeoutMs: number,
): Disposable {
  const timer = setTimeout(() => {
    connectionGone.abort(
      new BrokerError(
        "AMQP_UNAVAILABLE",
        `the broker did not answer within ${timeoutMs} ms while queues were declared and consumed`,
      ),
    );
  }, timeoutMs);
  return {
    [Symbol.dispose]: () => {
      clearTimeout(timer);
    },
  };
}
