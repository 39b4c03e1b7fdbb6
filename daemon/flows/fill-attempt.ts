import { LostClaimError, StoreUnavailableError } from "../errors.ts";
import { factsOf } from "./commit-fill.ts";
import type { Fill } from "./copy-image-volume.ts";
import { newAttempt } from "./create-run.ts";
import { AttemptLeftError } from "./is-pause.ts";

/**
 * Does a step under a new attempt of the fill, which is in the journal before; a step that fails leaves nothing on the
 * backend, unless the store is away: then the next run removes it.
 */
export async function underAttempt<T>(
  fill: Fill,
  sizeGb: number,
  step: (name: string) => Promise<T>,
): Promise<T> {
  const { services, context, request } = fill;
  const attempt = newAttempt();
  const { id, token } = context.job;
  if (!(await services.jobs.addAttempt(id, token, attempt))) {
    throw new LostClaimError(`fill of ${request.content}`);
  }
  services.outboxSender.tell([
    services.events.fill("start", context.job, {
      ...factsOf(request),
      size_gb: sizeGb,
    }),
  ]);
  try {
    return await step(nameOf(fill, attempt));
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) {
      await deleteAttempt(fill, attempt);
    }
    throw error;
  }
}

/**
 * Removes what the fill has made under an attempt, in its own time.
 *
 * @throws {AttemptLeftError} it is there still, so the fill's room is not free.
 */
export async function deleteAttempt(
  fill: Fill,
  attempt: string,
): Promise<void> {
  const name = nameOf(fill, attempt);
  try {
    await fill.services.backend.deleteVolume(name, {
      signal: AbortSignal.timeout(60_000),
    });
  } catch (error) {
    throw new AttemptLeftError(name, error);
  }
}

function nameOf({ services, request }: Fill, attempt: string): string {
  const { entryKey } = request;
  return services.backend.nameFor({ kind: "image-volume", entryKey, attempt });
}
