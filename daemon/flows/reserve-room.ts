import { LostClaimError, throwIfAborted } from "../errors.ts";
import type { FillRequest, Job } from "../jobs/job.ts";
import { pause } from "../jobs/repeater.ts";
import type { BackendServices } from "./backend-services.ts";

/** No room for the image-volume: its waiters copy for themselves. */
export class NoRoomError extends Error {
  override readonly name = "NoRoomError";
  readonly reason: "no-room-now" | "never-fits";

  constructor(reason: "no-room-now" | "never-fits") {
    super(reason);
    this.reason = reason;
  }
}

const evictionPollMs = 200;
/** How long a fill waits for evictions that others confirm before it gives its room up. */
const evictionWaitMs = 30_000;

/**
 * Reserves room for the image-volume; victims are deleted first, each confirmed.
 *
 * @throws {NoRoomError}
 */
export async function reserveRoom(
  services: BackendServices,
  job: Job,
  request: FillRequest,
  sizeGb: number,
  signal: AbortSignal,
): Promise<void> {
  const giveUpAt = Date.now() + evictionWaitMs;
  for (;;) {
    throwIfAborted(signal);
    const answer = await services.cache.reserve({
      entryKey: request.entryKey,
      fillId: job.id,
      token: job.token,
      sizeGb,
      limits: services.settings.limits,
    });
    switch (answer.kind) {
      case "reserved":
        return;
      case "evict-first":
        for (const victim of answer.victims) {
          // A refusal is logged there; the next answer takes other victims.
          await services.evictor.delete(victim).catch(() => {});
        }
        break;
      case "evictions-pending":
        if (Date.now() > giveUpAt) {
          throw new NoRoomError("no-room-now");
        }
        await pause(evictionPollMs, signal);
        break;
      case "no-room-now":
      case "never-fits":
        throw new NoRoomError(answer.kind);
      case "lost":
        throw new LostClaimError(`fill of ${request.content}`);
      default:
        answer satisfies never;
    }
  }
}
