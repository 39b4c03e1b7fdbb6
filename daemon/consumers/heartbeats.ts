import type { ReplyTarget } from "../jobs/job.ts";
import type { MessageSender } from "../jobs/outbox.ts";

/**
 * Tells a caller with a `call_monitor_timeout` that the work goes on, until disposed or until its queue is gone. Callers
 * that did not ask get none: oslo's client would fail over it.
 */
export function startHeartbeats(
  sender: Pick<MessageSender, "sendHeartbeat">,
  target: ReplyTarget | null,
): Disposable {
  if (
    target?.monitorTimeoutS === undefined ||
    target.monitorTimeoutS === null
  ) {
    return { [Symbol.dispose]: () => {} };
  }
  const beat = async () => {
    try {
      if (!(await sender.sendHeartbeat(target))) {
        clearInterval(timer);
      }
    } catch {
      // The broker is away; the next one may get through.
    }
  };
  const timer = setInterval(
    () => void beat(),
    (target.monitorTimeoutS * 1000) / 2,
  );
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
