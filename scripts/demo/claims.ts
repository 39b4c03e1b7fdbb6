/** What the demo says about itself: each claim is checked, and a false one makes it end with an error. */
export class Claims {
  readonly #failed: string[] = [];
  readonly #say: (line: string) => void;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  get failed(): readonly string[] {
    return this.#failed;
  }

  /** Says that something is so, or that it is not, with what was seen instead. */
  check(claim: string, isTrue: boolean, seen: string): void {
    if (isTrue) {
      this.#say(`    ok  ${claim}`);
    } else {
      this.#failed.push(`${claim}: ${seen}`);
      this.#say(`    NOT SO  ${claim}: ${seen}`);
    }
  }

  /** Says why something is not claimed here. */
  skip(claim: string, why: string): void {
    this.#say(`    not claimed: ${claim} (${why})`);
  }
}
