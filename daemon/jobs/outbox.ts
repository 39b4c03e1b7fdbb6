import type { EventMessage, Outcome, ReplyTarget } from "./job.ts";

/** One message to send, as it is kept until the broker confirmed it. Ids sort in the order of writing. */
export type OutboxRow =
  | {
      readonly id: string;
      readonly kind: "event";
      readonly event: EventMessage;
    }
  | {
      readonly id: string;
      readonly kind: "reply";
      readonly target: ReplyTarget;
      /** 32 hex digits, the same at every repeat. */
      readonly uniqueId: string;
      readonly outcome: Outcome;
    };

/**
 * Messages that must leave, kept with the change they tell of. Rows are written by the scripts that change state
 * (finish, evict-done, …) or by `append`; the writer sends them at once, and whoever finds a row due later sends it
 * again.
 */
export interface Outbox {
  /** Writes events that belong to no other change, and returns their rows. They become due after `graceMs`. */
  append(events: readonly EventMessage[]): Promise<readonly OutboxRow[]>;
  /** Rows that nobody sent in time, in order; they become due again after `graceMs`. At most `limit`. */
  claimDue(limit: number): Promise<readonly OutboxRow[]>;
  /** Forgets rows that were sent. Unknown ids are fine. */
  remove(ids: readonly string[]): Promise<void>;
  /** Number of rows not sent yet. */
  depth(): Promise<number>;
}

/** Takes messages to the broker. Resolves when it confirmed; rejects when that is not sure. */
export interface MessageSender {
  /** True while messages can be sent. */
  readonly isConnected: boolean;
  sendEvent(event: EventMessage): Promise<void>;
  /**
   * Sends an answer; resolves `"undeliverable"` when the caller's queue stayed away for 60 s.
   */
  sendReply(
    target: ReplyTarget,
    uniqueId: string,
    outcome: Outcome,
  ): Promise<"sent" | "undeliverable">;
  /** Tells a caller that asked for it that the work goes on; false when its queue is gone. */
  sendHeartbeat(target: ReplyTarget): Promise<boolean>;
}
