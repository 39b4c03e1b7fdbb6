import { setTimeout as sleep } from "node:timers/promises";
import type { DaemonSession } from "../daemon-session.ts";
import { fieldsOf, textOf } from "../output/fields.ts";
import { humanDuration } from "../output/human-duration.ts";
import { progressText } from "../output/progress-text.ts";
import type { StatusLine } from "../output/status-line.ts";

const pollMs = 500;

/** Shows the progress of a create until `signal` is aborted; without a terminal it asks nothing. */
export async function showProgress(
  daemon: DaemonSession,
  volumeId: string,
  line: StatusLine,
  signal: AbortSignal,
): Promise<void> {
  const startedMs = performance.now();
  while (line.isVisible && !signal.aborted) {
    try {
      await sleep(pollMs, undefined, { signal });
      const answer = await daemon.call(
        "get_volume",
        { volume_id: volumeId },
        { timeoutMs: 5000, signal },
      );
      const { status, progress } = fieldsOf(answer);
      const text =
        typeof progress === "object" && progress !== null
          ? progressText(fieldsOf(progress))
          : textOf(status);
      const waited = humanDuration(performance.now() - startedMs);
      if (!signal.aborted) {
        line.show(`${text}  (${waited})`);
      }
    } catch {
      // The create itself tells what is wrong; before it is journaled the volume is not found.
    }
  }
}
