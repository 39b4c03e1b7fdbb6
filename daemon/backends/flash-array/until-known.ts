import { UnknownOutcomeError } from "./array-errors.ts";

const maxAttempts = 3;

/**
 * Makes a change whose outcome may stay unknown: then it is read back, and made again, a bounded number of times, only
 * where it was not done.
 *
 * @param readBack what the change gives when it was done, null when it was not
 */
export async function untilKnown<T>(
  change: () => Promise<T>,
  readBack: () => Promise<T | null>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await change();
    } catch (error) {
      if (!(error instanceof UnknownOutcomeError)) {
        throw error;
      }
      const done = await readBack();
      if (done !== null) {
        return done;
      }
      if (attempt === maxAttempts) {
        throw error;
      }
    }
  }
}
