import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  Registry,
} from "prom-client";
import type { RequestCounts, RequestMeter } from "../flows/request-meter.ts";
import type { CreatePath } from "../volume.ts";
import { type ArrayMeter, ArrayMetrics } from "./array-metrics.ts";

/** State that is read when the page is asked for. */
export interface GaugeReading {
  readonly name: string;
  readonly help: string;
  /** One value per label set; labels are configured names only, never ids. */
  read(): Promise<
    readonly {
      readonly labels: Readonly<Record<string, string>>;
      readonly value: number;
    }[]
  >;
}

const requestBuckets = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
  60, 180, 600, 1800,
];

/** The daemon's Prometheus metrics. Names are described in docs/operations.md. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<"backend" | "path" | "outcome">;
  readonly #durations: Histogram<"backend" | "path">;
  readonly #phases: Histogram<"backend" | "phase">;
  readonly #downloaded: Counter<"backend">;
  readonly #evictions: Counter<"backend" | "reason">;
  readonly #fills: Counter<"backend" | "origin">;
  readonly #arrays: ArrayMetrics;

  constructor() {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#requests = new Counter({
      name: "ivc_create_requests_total",
      help: "Creates that ended, by path (hit, coalesced, miss, bypass, refused) and outcome.",
      labelNames: ["backend", "path", "outcome"],
      registers,
    });
    this.#durations = new Histogram({
      name: "ivc_create_duration_seconds",
      help: "Time of a create from its start to its end, by path.",
      labelNames: ["backend", "path"],
      buckets: requestBuckets,
      registers,
    });
    this.#phases = new Histogram({
      name: "ivc_phase_duration_seconds",
      help: "Time of one phase: describe, wait, clone, copy, fill.",
      labelNames: ["backend", "phase"],
      buckets: requestBuckets,
      registers,
    });
    this.#downloaded = new Counter({
      name: "ivc_downloaded_bytes_total",
      help: "Bytes of images that were downloaded and verified.",
      labelNames: ["backend"],
      registers,
    });
    this.#evictions = new Counter({
      name: "ivc_evictions_total",
      help: "Image-volumes whose eviction the backend confirmed, by reason.",
      labelNames: ["backend", "reason"],
      registers,
    });
    this.#fills = new Counter({
      name: "ivc_fills_total",
      help: "Image-volumes that came into service, by origin: downloaded, or restored out of the backend's trash.",
      labelNames: ["backend", "origin"],
      registers,
    });
    this.#arrays = new ArrayMetrics(this.#registry);
  }

  /** Where the flows of one backend report. */
  meterOf(backend: string): RequestMeter {
    const counts: Record<CreatePath, number> = {
      hit: 0,
      coalesced: 0,
      miss: 0,
      bypass: 0,
    };
    return {
      created: (path, outcome, durationMs) => {
        const word = path ?? "refused";
        this.#requests.inc({ backend, path: word, outcome });
        this.#durations.observe({ backend, path: word }, durationMs / 1000);
        if (path !== null && outcome === "success") {
          counts[path] += 1;
        }
      },
      phase: (phase, durationMs) => {
        this.#phases.observe({ backend, phase }, durationMs / 1000);
      },
      downloaded: (bytes) => {
        this.#downloaded.inc({ backend }, bytes);
      },
      filled: (origin) => {
        this.#fills.inc({ backend, origin });
      },
      evicted: (reason) => {
        this.#evictions.inc({ backend, reason });
      },
      counts: (): RequestCounts => ({ ...counts }),
    };
  }

  /** Where the calls to the array of one backend are counted. */
  arrayMeterOf(backend: string): ArrayMeter {
    return this.#arrays.meterOf(backend);
  }

  /** Adds a gauge that is read when the page is asked for; one that cannot be read has no value then. */
  addGauge(reading: GaugeReading): void {
    const gauge: Gauge = new Gauge({
      name: reading.name,
      help: reading.help,
      labelNames: ["backend", "limit", "connection", "kind"],
      registers: [this.#registry],
      collect: async () => {
        gauge.reset();
        try {
          for (const { labels, value } of await reading.read()) {
            gauge.set({ ...labels }, value);
          }
        } catch {
          // The store is away: the page still shows everything else, and ivc_connection_up tells of it.
        }
      },
    });
  }

  /** The page, and its content type. */
  async page(): Promise<{
    readonly contentType: string;
    readonly body: string;
  }> {
    return {
      contentType: this.#registry.contentType,
      body: await this.#registry.metrics(),
    };
  }
}
