import type { Fault, FaultRequest, FaultRule } from "./fault.ts";

/** A fault that was asked for, and how often it happened. */
export interface ActiveFault {
  readonly id: number;
  readonly rule: FaultRule;
  /** How often it happened. */
  readonly calls: number;
  /** How often it is still to happen. */
  readonly left: number | "always";
  /** It happens no more; the count stays readable. */
  remove(): void;
}

/** Faults on cue. Of several that match a request, the one asked for first happens. */
export class Faults {
  #rules: CountedRule[] = [];
  #lastId = 0;

  /** From now on; `calls` of what it returns counts. */
  add(rule: FaultRule): ActiveFault {
    this.#lastId += 1;
    const counted = new CountedRule(this.#lastId, rule, (id) => {
      this.#rules = this.#rules.filter((other) => other.id !== id);
    });
    this.#rules.push(counted);
    return counted;
  }

  /** All that were not removed, also those that are used up. */
  list(): readonly ActiveFault[] {
    return [...this.#rules];
  }

  /** Nothing goes wrong any more. */
  clear(): void {
    for (const rule of this.list()) {
      rule.remove();
    }
  }

  /** The fault that this request meets, counted; null for none. */
  meet(request: FaultRequest): Fault | null {
    return (
      this.#rules.find((candidate) => candidate.meets(request))?.rule.fault ??
      null
    );
  }
}

class CountedRule implements ActiveFault {
  readonly id: number;
  readonly rule: FaultRule;
  readonly #onRemove: (id: number) => void;
  calls = 0;
  #skipped = 0;
  #isRemoved = false;

  constructor(id: number, rule: FaultRule, onRemove: (id: number) => void) {
    this.id = id;
    this.rule = rule;
    this.#onRemove = onRemove;
  }

  get left(): number | "always" {
    if (this.#isRemoved) {
      return 0;
    }
    const { times = 1 } = this.rule;
    return times === "always" ? times : Math.max(0, times - this.calls);
  }

  remove(): void {
    this.#isRemoved = true;
    this.#onRemove(this.id);
  }

  /** True when it happens to this request, which is then counted. */
  meets(request: FaultRequest): boolean {
    if (this.left === 0 || !this.#isFor(request)) {
      return false;
    }
    if (this.#skipped < (this.rule.skip ?? 0)) {
      this.#skipped += 1;
      return false;
    }
    this.calls += 1;
    return true;
  }

  #isFor(request: FaultRequest): boolean {
    const { method = request.method, path, when } = this.rule;
    return (
      method === request.method &&
      (path === undefined ||
        (typeof path === "string"
          ? path === request.path
          : request.path.search(path) !== -1)) &&
      (when === undefined || when(request))
    );
  }
}
