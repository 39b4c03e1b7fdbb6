import { RequestError } from "../errors.ts";

/** The backends that this daemon serves, by name, and the one that is meant where a request names none. */
export class BackendRegistry<Services> {
  readonly #services: ReadonlyMap<string, Services>;
  readonly defaultName: string;

  constructor(services: ReadonlyMap<string, Services>, defaultName: string) {
    this.#services = services;
    this.defaultName = defaultName;
  }

  /** Null: another daemon may serve it. */
  get(name: string): Services | null {
    return this.#services.get(name) ?? null;
  }

  all(): readonly Services[] {
    return [...this.#services.values()];
  }

  /** @throws {RequestError} `NO_VALID_BACKEND`, Cinder's `NoValidBackend`, naming those there are. */
  refuse(name: string): never {
    throw new RequestError(
      "NO_VALID_BACKEND",
      `no daemon serves backend ${name}; this one serves ${[...this.#services.keys()].join(", ")}`,
      { remoteClass: "NoValidBackend", status: 404 },
    );
  }
}
