/** Rejects when the signal is aborted; never resolves. */
export async function whenAborted(signal: AbortSignal): Promise<never> {
  const aborted = Promise.withResolvers<never>();
  const fail = () => aborted.reject(signal.reason as Error);
  if (signal.aborted) {
    fail();
  }
  signal.addEventListener("abort", fail, { once: true });
  return await aborted.promise;
}
