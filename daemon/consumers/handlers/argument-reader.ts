import { closest } from "../../closest.ts";
import { RequestError } from "../../errors.ts";
import { type Checksum, checksumAlgorithms } from "../../image.ts";

const uuidPattern =
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const maxText = 255;
const maxSizeGb = 65_536;
const maxMetadata = 128;

/** Reads the keyword arguments of one call. Each problem is told with the argument, what was got and what is needed. */
export class ArgumentReader {
  readonly #method: string;
  readonly #args: Readonly<Record<string, unknown>>;
  readonly #known: string[] = [];

  constructor(method: string, args: Readonly<Record<string, unknown>>) {
    this.#method = method;
    this.#args = args;
  }

  /** True when the argument was given and is not null. */
  has(name: string): boolean {
    this.#known.push(name);
    return this.#value(name) !== null;
  }

  /** A UUID in lower case; null when absent. */
  uuid(name: string): string | null {
    const text = this.#text(name);
    if (text === null) {
      return null;
    }
    const id = text.toLowerCase();
    if (!uuidPattern.test(id)) {
      throw invalidArgument(
        name,
        text,
        "a UUID such as 2a0f3c1e-5b1d-4a55-9c54-1f2e3d4c5b6a",
      );
    }
    return id;
  }

  requiredUuid(name: string): string {
    return this.uuid(name) ?? this.#missing(name);
  }

  /** A text of 1 to 255 characters without control characters; null when absent. */
  text(name: string, limit = maxText): string | null {
    const text = this.#text(name);
    if (text === null) {
      return null;
    }
    if (text === "" || text.length > limit || /\p{Cc}/u.test(text)) {
      throw invalidArgument(name, text, `1 to ${limit} printable characters`);
    }
    return text;
  }

  requiredText(name: string): string {
    return this.text(name) ?? this.#missing(name);
  }

  oneOf<const T extends string>(name: string, words: readonly T[]): T | null {
    const text = this.#text(name);
    if (text === null) {
      return null;
    }
    const word = words.find((each) => each === text);
    if (word === undefined) {
      throw invalidArgument(name, text, `one of ${words.join(", ")}`);
    }
    return word;
  }

  flag(name: string): boolean {
    this.#known.push(name);
    const value = this.#value(name);
    if (value === null || typeof value === "boolean") {
      return value ?? false;
    }
    throw invalidArgument(name, value, "true or false");
  }

  wholeNumber(name: string, min: number, max: number): number | null {
    this.#known.push(name);
    const value = this.#value(name);
    if (value === null) {
      return null;
    }
    if (
      typeof value !== "number" ||
      !Number.isInteger(value) ||
      value < min ||
      value > max
    ) {
      throw invalidArgument(
        name,
        value,
        `a whole number from ${min} to ${max}`,
      );
    }
    return value;
  }

  /** A volume size in GiB; null when absent. */
  sizeGb(name: string): number | null {
    this.#known.push(name);
    const value = this.#value(name);
    if (value === null) {
      return null;
    }
    if (
      typeof value !== "number" ||
      !Number.isInteger(value) ||
      value < 1 ||
      value > maxSizeGb
    ) {
      throw new RequestError(
        "SIZE_INVALID",
        `${name}: got ${show(value)}, need integer GiB 1..${maxSizeGb}`,
      );
    }
    return value;
  }

  /** `sha256:<hex>` and the like; null when absent. */
  checksum(name: string): Checksum | null {
    const text = this.#text(name);
    if (text === null) {
      return null;
    }
    const [word, value = ""] = text.toLowerCase().split(":", 2);
    const algorithm = checksumAlgorithms.find((each) => each === word);
    if (algorithm === undefined || !/^(?:[0-9a-f]{2}){16,64}$/.test(value)) {
      throw invalidArgument(
        name,
        text,
        `<algorithm>:<hex>, with one of ${checksumAlgorithms.join(", ")}`,
      );
    }
    return { algorithm, value };
  }

  /** A flat object of texts. */
  metadata(name: string): Readonly<Record<string, string>> {
    this.#known.push(name);
    const value = this.#value(name);
    if (value === null) {
      return {};
    }
    const entries =
      typeof value === "object" && !Array.isArray(value)
        ? Object.entries(value)
        : [["", null] as const];
    const isFlat = entries.every(
      ([key, each]) =>
        typeof each === "string" &&
        each.length <= maxText &&
        !/\p{Cc}/u.test(key + each) &&
        key.length <= maxText &&
        key !== "",
    );
    if (!isFlat || entries.length > maxMetadata) {
      throw invalidArgument(
        name,
        value,
        `at most ${maxMetadata} texts of up to ${maxText} printable characters by name`,
      );
    }
    return Object.fromEntries(entries);
  }

  /** An object of anything; null when absent. */
  object(name: string): Readonly<Record<string, unknown>> | null {
    this.#known.push(name);
    const value = this.#value(name);
    if (value === null) {
      return null;
    }
    if (typeof value !== "object" || Array.isArray(value)) {
      throw invalidArgument(name, value, "an object");
    }
    return value as Readonly<Record<string, unknown>>;
  }

  /** @throws {RequestError} `ARG_UNKNOWN` for what nobody asked for; to be called when everything was read. */
  done(): void {
    const unknown = Object.keys(this.#args).find(
      (name) => !this.#known.includes(name),
    );
    if (unknown !== undefined) {
      const meant = closest(unknown, this.#known);
      throw new RequestError(
        "ARG_UNKNOWN",
        `${this.#method} has no argument ${show(unknown)}${
          meant === null
            ? `; it has ${this.#known.join(", ")}`
            : ` (did you mean ${meant}?)`
        }`,
      );
    }
  }

  requiredObject(name: string): Readonly<Record<string, unknown>> {
    return this.object(name) ?? this.#missing(name);
  }

  #missing(name: string): never {
    throw new RequestError("ARG_MISSING", `${this.#method} needs ${name}`);
  }

  #text(name: string): string | null {
    this.#known.push(name);
    const value = this.#value(name);
    if (value === null || typeof value === "string") {
      return value;
    }
    throw invalidArgument(name, value, "a text");
  }

  #value(name: string): {} | null {
    return Object.hasOwn(this.#args, name) ? (this.#args[name] ?? null) : null;
  }
}

/** Says which argument is wrong, what was got and what is needed. */
export function invalidArgument(
  name: string,
  value: unknown,
  wanted: string,
): RequestError {
  return new RequestError(
    "ARG_INVALID",
    `${name}: got ${show(value)}, need ${wanted}`,
  );
}

function show(value: unknown): string {
  const text =
    typeof value === "number" ? String(value) : (JSON.stringify(value) ?? "");
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
