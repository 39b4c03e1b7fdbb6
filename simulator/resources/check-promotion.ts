import { ArrayRefusal } from "../array-refusal.ts";

/** Refuses a state that is none; volumes cannot be demoted here, as nothing is replicated. */
export function checkPromotion(state: string | undefined): void {
  if (state === "demoted") {
    // Invented text.
    throw new ArrayRefusal("This simulator cannot demote volumes.");
  }
  checkPromotionState(state);
}

/** Refuses what is neither `promoted` nor `demoted`. */
export function checkPromotionState(state: string | undefined): void {
  if (state !== undefined && state !== "promoted" && state !== "demoted") {
    // Invented text; the two are the vendor's.
    throw new ArrayRefusal(
      "requested_promotion_state must be promoted or demoted.",
    );
  }
}
