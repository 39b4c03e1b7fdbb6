import { isAtLeast, type Version } from "../version.ts";
import type { Endpoint, Item } from "./endpoint.ts";

/** The endpoints by path and method, and a sample item of each path. */
export class EndpointTable {
  readonly #byPath = new Map<string, Map<string, Endpoint>>();
  readonly #samples = new Map<string, Item>();

  constructor(endpoints: readonly Endpoint[]) {
    for (const endpoint of endpoints) {
      const methods =
        this.#byPath.get(endpoint.path) ?? new Map<string, Endpoint>();
      methods.set(endpoint.method, endpoint);
      this.#byPath.set(endpoint.path, methods);
    }
  }

  /** Methods of a path in a version; none when the path is unknown there. */
  methodsOf(path: string, version: Version): ReadonlyMap<string, Endpoint> {
    return new Map(
      [...(this.#byPath.get(path) ?? [])].filter(([, { since }]) =>
        isAtLeast(version, since),
      ),
    );
  }

  /** Which fields of a path's items came later; what one method says holds for all. */
  fieldsSinceOf(path: string): Readonly<Record<string, Version>> {
    const endpoints = [...(this.#byPath.get(path)?.values() ?? [])];
    return Object.fromEntries(
      endpoints.flatMap(({ fieldsSince = {} }) => Object.entries(fieldsSince)),
    );
  }

  /** Remembers how items of a path look. */
  learn(path: string, items: readonly Item[]): void {
    const [first] = items;
    if (first !== undefined) {
      this.#samples.set(path, first);
    }
  }

  /** An item of this path seen before. */
  sampleOf(path: string): Item | undefined {
    return this.#samples.get(path);
  }
}
