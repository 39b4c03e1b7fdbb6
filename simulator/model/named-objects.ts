/** What has a name on an array. */
interface Named {
  readonly id: string;
  name: string;
}

/** Objects of one kind in the order they were made. Live and destroyed ones share the names; case does not count. */
export class NamedObjects<T extends Named> {
  readonly #byId = new Map<string, T>();
  readonly #byName = new Map<string, T>();

  get size(): number {
    return this.#byId.size;
  }

  all(): readonly T[] {
    return [...this.#byId.values()];
  }

  named(name: string): T | undefined {
    return this.#byName.get(name.toLowerCase());
  }

  withId(id: string): T | undefined {
    return this.#byId.get(id.toLowerCase());
  }

  add(object: T): void {
    this.#byId.set(object.id, object);
    this.#byName.set(object.name.toLowerCase(), object);
  }

  rename(object: T, name: string): void {
    this.#byName.delete(object.name.toLowerCase());
    object.name = name;
    this.#byName.set(name.toLowerCase(), object);
  }

  remove(object: T): void {
    this.#byId.delete(object.id);
    this.#byName.delete(object.name.toLowerCase());
  }
}
