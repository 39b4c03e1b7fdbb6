/**
 * A nudge that something changed: an entry was committed, failed or evicted; a job was finished or cancelled. Hints may
 * be lost; whoever waits also looks from time to time.
 */
export type Hint =
  | { readonly kind: "entry"; readonly entryKey: string }
  | { readonly kind: "done"; readonly jobId: string }
  | { readonly kind: "cancelled"; readonly jobId: string };

/** Brings hints from all daemons of a backend, this one included. */
export interface HintBus {
  /** Calls `listener` for each hint until the returned function is called. Listeners must not throw. */
  listen(listener: (hint: Hint) => void): () => void;
}
