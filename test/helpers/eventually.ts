import { setTimeout as sleep } from "node:timers/promises";

/** Waits until `condition` is true; fails with `what` after `timeoutMs`. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 20_000,
): Promise<void> {
  const untilMs = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > untilMs) {
      throw new Error(`not within ${timeoutMs} ms: ${what}`);
    }
    await sleep(25);
  }
}
