import { faultOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { EventMessage } from "./job.ts";
import type { MessageSender, Outbox, OutboxRow } from "./outbox.ts";
import { Repeater, waitAtMost } from "./repeater.ts";

const claimBatch = 100;
const removeDelayMs = 20;
const sweepMs = 1000;
const disposeWaitMs = 2000;

/**
 * Sends outbox rows: those just written at once and in order, those that nobody sent from time to time. Removal from the
 * store is batched, off everybody's path.
 */
export class OutboxSender implements AsyncDisposable {
  readonly #outbox: Outbox;
  readonly #sender: MessageSender;
  readonly #logger: Logger;
  readonly #sending = new Map<string, Promise<void>>();
  readonly #sent = new Set<string>();
  readonly #sweep: Repeater;
  /** What the last message of a kind failed with. */
  readonly #failures = new Map<OutboxRow["kind"], string>();
  #removal: NodeJS.Timeout | null = null;

  constructor(outbox: Outbox, sender: MessageSender, logger: Logger) {
    this.#outbox = outbox;
    this.#sender = sender;
    this.#logger = logger;
    this.#sweep = new Repeater(
      "outbox",
      sweepMs,
      async () => {
        await this.#sendDue();
      },
      logger,
    );
  }

  start(): void {
    this.#sweep.start();
  }

  /** Sends rows that were just written. What fails stays in the outbox and is found again when it is due. */
  send(rows: readonly OutboxRow[]): void {
    if (!this.#sender.isConnected) {
      return;
    }
    for (const row of rows) {
      if (!this.#sending.has(row.id) && !this.#sent.has(row.id)) {
        this.#sending.set(row.id, this.#sendOne(row));
      }
    }
  }

  /** Writes and sends events beside the path: what tells of a beginning must not slow it down. */
  tell(events: readonly EventMessage[]): void {
    void this.#tell(events);
  }

  /** Waits a moment for what is being sent: an answer to a caller that is gone must not hold the end up. It stays in the outbox. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sweep.stop();
    await waitAtMost(Promise.all(this.#sending.values()), disposeWaitMs);
    if (this.#removal !== null) {
      clearTimeout(this.#removal);
    }
    await this.#remove();
  }

  async #tell(events: readonly EventMessage[]): Promise<void> {
    try {
      this.send(await this.#outbox.append(events));
    } catch (error) {
      this.#logger.warn("event not told", { error });
    }
  }

  async #sendOne(row: OutboxRow): Promise<void> {
    try {
      switch (row.kind) {
        case "event":
          await this.#sender.sendEvent(row.event);
          break;
        case "reply":
          // An undeliverable one is logged by the sender, and done with.
          await this.#sender.sendReply(row.target, row.uniqueId, row.outcome);
          break;
        default:
          row satisfies never;
      }
      this.#tellSuccess(row.kind);
      this.#sent.add(row.id);
      this.#removal ??= setTimeout(() => {
        void this.#remove();
      }, removeDelayMs);
    } catch (error) {
      this.#tellFailure(row, error);
    } finally {
      this.#sending.delete(row.id);
    }
  }

  async #sendDue(): Promise<void> {
    let rows: readonly OutboxRow[] = [];
    do {
      if (!this.#sender.isConnected) {
        return;
      }
      rows = await this.#outbox.claimDue(claimBatch);
      this.send(rows);
      await Promise.all(
        rows
          .filter((row) => row.kind === "event")
          .map(async (row) => {
            await this.#sending.get(row.id);
          }),
      );
    } while (rows.length === claimBatch);
  }

  /** Once for each kind of message and cause: an outage has thousands of them. */
  #tellFailure({ kind, id }: OutboxRow, error: unknown): void {
    const { code } = faultOf(error);
    const isNew = this.#failures.get(kind) !== code;
    this.#failures.set(kind, code);
    this.#logger[isNew ? "warn" : "debug"]("not sent, kept in the outbox", {
      kind,
      row: id,
      error,
    });
  }

  #tellSuccess(kind: OutboxRow["kind"]): void {
    if (this.#failures.delete(kind)) {
      this.#logger.info("sent again", { kind });
    }
  }

  async #remove(): Promise<void> {
    this.#removal = null;
    const ids = [...this.#sent];
    if (ids.length === 0) {
      return;
    }
    try {
      await this.#outbox.remove(ids);
    } catch (error) {
      this.#logger.debug("sent rows not removed, they will be sent again", {
        rows: ids.length,
        error,
      });
    }
    for (const id of ids) {
      this.#sent.delete(id);
    }
  }
}
