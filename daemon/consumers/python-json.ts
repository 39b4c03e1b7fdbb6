import { RequestError } from "../errors.ts";

/** How much a document may hold. */
export interface JsonLimits {
  readonly maxDepth: number;
  /** Keys of objects and items of arrays, all together. */
  readonly maxItems: number;
}

const LITERALS: readonly (readonly [string, unknown])[] = [
  ["null", null],
  ["true", true],
  ["false", false],
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
];
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/uy;
const BLANK = /[ \t\r\n]*/uy;

class Scanner {
  readonly #text: string;
  readonly #limits: JsonLimits;
  #at = 0;
  #items = 0;

  constructor(text: string, limits: JsonLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  document(): unknown {
    const value = this.#value(0);
    this.#skipBlank();
    if (this.#at < this.#text.length) {
      throw this.#invalid("something follows the document");
    }
    return value;
  }

  #value(depth: number): unknown {
    if (depth > this.#limits.maxDepth) {
      throw this.#tooComplex(`deeper than ${this.#limits.maxDepth} levels`);
    }
    this.#skipBlank();
    const first = this.#text[this.#at];
    if (first === "{") {
      return this.#object(depth);
    }
    if (first === "[") {
      return this.#array(depth);
    }
    return first === '"' ? this.#string() : this.#scalar();
  }

  #object(depth: number): Record<string, unknown> {
    // Without a prototype, "__proto__" is a key like any other.
    const result = Object.create(null) as Record<string, unknown>;
    this.#at += 1;
    if (this.#take("}")) {
      return result;
    }
    do {
      this.#skipBlank();
      if (this.#text[this.#at] !== '"') {
        throw this.#invalid("expected a key");
      }
      const key = this.#string();
      if (key in result) {
        throw this.#invalid(
          `duplicate key ${JSON.stringify(key.slice(0, 80))}`,
        );
      }
      this.#count();
      if (!this.#take(":")) {
        throw this.#invalid("expected a colon");
      }
      result[key] = this.#value(depth + 1);
    } while (this.#take(","));
    if (!this.#take("}")) {
      throw this.#invalid("expected a comma or the end of an object");
    }
    return result;
  }

  #array(depth: number): unknown[] {
    const result: unknown[] = [];
    this.#at += 1;
    if (this.#take("]")) {
      return result;
    }
    do {
      this.#count();
      result.push(this.#value(depth + 1));
    } while (this.#take(","));
    if (!this.#take("]")) {
      throw this.#invalid("expected a comma or the end of an array");
    }
    return result;
  }

  #string(): string {
    const start = this.#at;
    let hasEscape = false;
    let at = start + 1;
    for (; this.#text[at] !== '"'; at += 1) {
      if (at >= this.#text.length) {
        throw this.#invalid("a string has no end");
      }
      if (this.#text[at] === "\\") {
        hasEscape = true;
        at += 1;
      } else if (this.#text.charCodeAt(at) < 0x20) {
        this.#at = at;
        throw this.#invalid("a control character in a string");
      }
    }
    this.#at = at + 1;
    if (!hasEscape) {
      return this.#text.slice(start + 1, at);
    }
    try {
      return JSON.parse(this.#text.slice(start, at + 1)) as string;
    } catch (error) {
      this.#at = start;
      throw this.#invalid("a bad escape in a string", { cause: error });
    }
  }

  #scalar(): unknown {
    for (const [word, value] of LITERALS) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    NUMBER.lastIndex = this.#at;
    const digits = NUMBER.exec(this.#text)?.[0];
    if (digits === undefined) {
      throw this.#invalid("expected a value");
    }
    this.#at += digits.length;
    return Number(digits);
  }

  #take(mark: string): boolean {
    this.#skipBlank();
    if (this.#text[this.#at] !== mark) {
      return false;
    }
    this.#at += 1;
    return true;
  }

  #skipBlank(): void {
    BLANK.lastIndex = this.#at;
    BLANK.exec(this.#text);
    this.#at = BLANK.lastIndex;
  }

  #count(): void {
    this.#items += 1;
    if (this.#items > this.#limits.maxItems) {
      throw this.#tooComplex(`more than ${this.#limits.maxItems} items`);
    }
  }

  #invalid(what: string, options: ErrorOptions = {}): RequestError {
    return new RequestError(
      "ENVELOPE_INVALID",
      `the message is not JSON: ${what} at character ${this.#at}`,
      options,
    );
  }

  #tooComplex(what: string): RequestError {
    return new RequestError("ENVELOPE_TOO_COMPLEX", `the message has ${what}`);
  }
}

/**
 * Reads JSON as Python writes it: `NaN` and `Infinity` become those numbers, which no check of an argument lets pass.
 * Integers beyond 2^53 are rounded, and stay beyond it, so that a check for safe integers refuses them. Objects have no
 * prototype; a key that comes twice is refused, since readers do not agree on which one counts.
 */
export function parsePythonJson(text: string, limits: JsonLimits): unknown {
  return new Scanner(text, limits).document();
}
