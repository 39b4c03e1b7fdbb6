import * as z from "zod";

const byteUnits: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

const millisecondsPerUnit: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A whole number, also as a string of digits (environment variables are strings). */
export function wholeNumber(min: number, max: number): z.ZodType<number> {
  return z.union([z.number(), z.string()]).transform((value, context) => {
    const number =
      typeof value === "number"
        ? value
        : /^[0-9]+$/.test(value)
          ? Number(value)
          : Number.NaN;
    if (Number.isInteger(number) && number >= min && number <= max) {
      return number;
    }
    context.addIssue(
      `got ${show(value)}, need a whole number from ${min} to ${max}`,
    );
    return z.NEVER;
  });
}

/** true or false, also as the words that environment variables use for them. */
export function yesOrNo(): z.ZodType<boolean> {
  return z.union([z.boolean(), z.string()]).transform((value, context) => {
    if (typeof value === "boolean") {
      return value;
    }
    const word = value.toLowerCase();
    if (["true", "yes", "on", "1"].includes(word)) {
      return true;
    }
    if (["false", "no", "off", "0"].includes(word)) {
      return false;
    }
    context.addIssue(
      `got ${show(value)}, need true or false (also yes/no, on/off, 1/0)`,
    );
    return z.NEVER;
  });
}

/** A number of bytes: 4096, "64KiB", "2TiB". */
export function byteSize(min: number, max: number): z.ZodType<number> {
  return quantity(byteUnits, "B", "a size such as 64KiB, 10GiB", min, max);
}

/** A time in milliseconds: "500ms", "30s", "6h". */
export function duration(min: number, max: number): z.ZodType<number> {
  return quantity(
    millisecondsPerUnit,
    null,
    "a time such as 500ms, 30s, 6h",
    min,
    max,
  );
}

function quantity(
  units: Readonly<Record<string, number>>,
  unitOfNumbers: string | null,
  wanted: string,
  min: number,
  max: number,
): z.ZodType<number> {
  return z.union([z.number(), z.string()]).transform((value, context) => {
    const match = /^([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)$/.exec(String(value));
    const unit = match?.[2] === "" ? unitOfNumbers : (match?.[2] ?? null);
    const factor = unit === null ? undefined : units[unit];
    const amount =
      factor === undefined ? Number.NaN : Number(match?.[1]) * factor;
    if (Number.isFinite(amount) && amount >= min && amount <= max) {
      return Math.round(amount);
    }
    context.addIssue(
      `got ${show(value)}, need ${wanted} from ${inUnits(min, units)} to ${inUnits(max, units)}`,
    );
    return z.NEVER;
  });
}

function inUnits(
  amount: number,
  units: Readonly<Record<string, number>>,
): string {
  const [name, factor] = Object.entries(units)
    .toReversed()
    .find(([, each]) => amount >= each && amount % each === 0) ?? ["", 1];
  return `${amount / factor}${name}`;
}

/** A value as it may stand in a message: quoted, cut, on one line. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
