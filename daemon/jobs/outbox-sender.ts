import { faultOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { EventMessage } from "./job.ts";
import type { MessageSender, Outbox, OutboxRow } from "./outbox.ts";
import { Repeater, waitAtMost } from "./repeater.ts";

const claimBatch = 100;
const removeDelayMs = 20;
const sweepMs = 1000;
const disposeWaitMs = 2000;
/** Rows of one kind that wait in memory; more than that are left to the outbox alone. */
const maxBacklog = 10_000;

type Kind = OutboxRow["kind"];

/**
 * Sends outbox rows: those just written at once and in order, those that nobody sent from time to time. After a failure
 * the rows of that kind wait for each other, so that what happened first is told first. Removal from the store is
 * batched, off everybody's path.
 */
export class OutboxSender implements AsyncDisposable {
  readonly #outbox: Outbox;
  readonly #sender: MessageSender;
  readonly #logger: Logger;
  readonly #sending = new Map<string, Promise<boolean>>();
  readonly #sent = new Set<string>();
  readonly #sweep: Repeater;
  /** Rows that have to wait for the broker, by id. */
  readonly #backlogs: Readonly<Record<Kind, Map<string, OutboxRow>>> = {
    event: new Map(),
    reply: new Map(),
  };
  /** What the last message of a kind failed with. */
  readonly #failures = new Map<Kind, string>();
  #isStopped = false;
  #removal: NodeJS.Timeout | null = null;

  constructor(outbox: Outbox, sender: MessageSender, logger: Logger) {
    this.#outbox = outbox;
    this.#sender = sender;
    this.#logger = logger;
    this.#sweep = new Repeater(
      "outbox",
      sweepMs,
      async () => {
        await this.#sendBacklogs();
        await this.#sendDue();
      },
      logger,
    );
  }

  start(): void {
    this.#sweep.start();
  }

  /** Sends rows that were just written. What fails is tried again, by this daemon or by any that finds it due. */
  send(rows: readonly OutboxRow[]): void {
    for (const row of rows) {
      const backlog = this.#backlogs[row.kind];
      if (this.#isKnown(row.id, backlog)) {
        continue;
      }
      if (backlog.size > 0 || !this.#sender.isConnected) {
        keep(backlog, row);
      } else {
        void this.#start(row);
      }
    }
  }

  /** Writes and sends events beside the path: what tells of a beginning must not slow it down. */
  tell(events: readonly EventMessage[]): void {
    void this.#tell(events);
  }

  /** Waits a moment for what is being sent: an answer to a caller that is gone must not hold the end up. It stays in the outbox. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
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

  #isKnown(id: string, backlog: ReadonlyMap<string, OutboxRow>): boolean {
    return this.#sending.has(id) || this.#sent.has(id) || backlog.has(id);
  }

  async #start(row: OutboxRow): Promise<boolean> {
    const sending = this.#sendOne(row);
    this.#sending.set(row.id, sending);
    const isSent = await sending;
    this.#sending.delete(row.id);
    if (!isSent) {
      keep(this.#backlogs[row.kind], row);
    }
    return isSent;
  }

  async #sendOne(row: OutboxRow): Promise<boolean> {
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
    } catch (error) {
      this.#tellFailure(row, error);
      return false;
    }
    this.#tellSuccess(row.kind);
    this.#sent.add(row.id);
    this.#removal ??= setTimeout(() => {
      void this.#remove();
    }, removeDelayMs);
    return true;
  }

  async #sendBacklogs(): Promise<void> {
    if (!this.#sender.isConnected) {
      return;
    }
    for (const row of inOrder(this.#backlogs.reply)) {
      // One whose caller is gone takes a minute: the others do not wait for it.
      this.#backlogs.reply.delete(row.id);
      void this.#start(row);
    }
    const { event: events } = this.#backlogs;
    while (events.size > 0) {
      for (const row of inOrder(events)) {
        if (this.#isStopped || !(await this.#start(row))) {
          return;
        }
        events.delete(row.id);
      }
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
      // What the broker refuses becomes due again and again: then one batch is enough for a turn.
    } while (
      rows.length === claimBatch &&
      this.#backlogs.event.size === 0 &&
      !this.#isStopped
    );
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

  #tellSuccess(kind: Kind): void {
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

function keep(backlog: Map<string, OutboxRow>, row: OutboxRow): void {
  if (backlog.size < maxBacklog) {
    backlog.set(row.id, row);
  }
}

function inOrder(
  backlog: ReadonlyMap<string, OutboxRow>,
): readonly OutboxRow[] {
  return [...backlog.values()].toSorted((one, other) =>
    one.id < other.id ? -1 : 1,
  );
}
