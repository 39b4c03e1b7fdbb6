import { ArrayRefusal } from "../array-refusal.ts";
import type { PriorityAdjustment } from "./volume-record.ts";

/** What nobody has adjusted. */
export const noAdjustment: PriorityAdjustment = {
  priority_adjustment_operator: "+",
  priority_adjustment_value: 0,
};

const raised: ReadonlySet<number> = new Set([0, 10]);

/** An adjustment after a change; operators and values are those of the vendor's OpenAPI file, `=` is for volumes only. */
export function changedPriority(
  now: PriorityAdjustment,
  change: Partial<PriorityAdjustment> | undefined,
  { name, isGroup = false }: { name: string; isGroup?: boolean },
): PriorityAdjustment {
  const after = { ...now, ...change };
  const { priority_adjustment_operator: operator } = after;
  const { priority_adjustment_value: value } = after;
  const isRight =
    operator === "="
      ? !isGroup && (value === -10 || raised.has(value))
      : (operator === "+" || operator === "-") && raised.has(value);
  if (!isRight) {
    // Invented text.
    throw new ArrayRefusal(
      `Priority adjustment must be + or - with 0 or 10${isGroup ? "" : ", or = with -10, 0 or 10"}.`,
      name,
    );
  }
  return after;
}
