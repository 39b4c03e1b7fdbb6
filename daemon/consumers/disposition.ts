import type { Channel, ConsumeMessage } from "amqplib";

/**
 * How the treatment of a message ended. `settled`: answered, journaled, passed on, or a repeat of such a one.
 * `undecodable`: nobody can make sense of it. `given-up`: the store stayed away, or the daemon stops; somebody else, or
 * we later, shall have it. `orphaned`: its channel is gone, and the broker has it back already.
 */
export type Verdict = "settled" | "undecodable" | "given-up" | "orphaned";

/** What the broker is told. */
export type Disposition = "ack" | "dead-letter" | "requeue" | "nothing";

/** The fate of a message: the only place that decides it. */
export function dispositionOf(verdict: Verdict): Disposition {
  switch (verdict) {
    case "settled":
      return "ack";
    case "undecodable":
      return "dead-letter";
    case "given-up":
      return "requeue";
    case "orphaned":
      return "nothing";
  }
}

/**
 * Tells the broker, on the channel that delivered the message. False: that channel is gone, and the message will be
 * delivered again.
 */
export function dispose(
  channel: Channel,
  message: ConsumeMessage,
  disposition: Disposition,
): boolean {
  try {
    switch (disposition) {
      case "ack":
        channel.ack(message);
        return true;
      case "dead-letter":
        channel.reject(message, false);
        return true;
      case "requeue":
        channel.nack(message, false, true);
        return true;
      case "nothing":
        return true;
    }
  } catch {
    return false;
  }
}
