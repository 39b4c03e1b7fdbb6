import { Counter, Histogram, type Registry } from "prom-client";

/** One finished call to an array's REST interface. */
export interface ArrayCall {
  readonly method: string;
  /** Without names and ids, such as `volumes/tags/batch`. */
  readonly path: string;
  readonly outcome: string;
  readonly ms: number;
}

/** Where the calls of one array backend are counted. */
export interface ArrayMeter {
  called(call: ArrayCall): void;
  loggedIn(): void;
}

const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15];

/** Metrics of arrays' REST interfaces: what they are asked, how they answer, and how often their sessions end. */
export class ArrayMetrics {
  readonly #calls: Counter<"backend" | "method" | "path" | "outcome">;
  readonly #durations: Histogram<"backend" | "method" | "path">;
  readonly #logins: Counter<"backend">;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#calls = new Counter({
      name: "ivc_array_calls_total",
      help: "REST calls to an array that ended, by outcome.",
      labelNames: ["backend", "method", "path", "outcome"],
      registers,
    });
    this.#durations = new Histogram({
      name: "ivc_array_call_duration_seconds",
      help: "Time of a REST call to an array, without the wait for its turn.",
      labelNames: ["backend", "method", "path"],
      buckets,
      registers,
    });
    this.#logins = new Counter({
      name: "ivc_array_logins_total",
      help: "Sessions opened at an array.",
      labelNames: ["backend"],
      registers,
    });
  }

  /** Where one backend reports. */
  meterOf(backend: string): ArrayMeter {
    return {
      called: ({ method, path, outcome, ms }) => {
        this.#calls.inc({ backend, method, path, outcome });
        this.#durations.observe({ backend, method, path }, ms / 1000);
      },
      loggedIn: () => {
        this.#logins.inc({ backend });
      },
    };
  }
}
