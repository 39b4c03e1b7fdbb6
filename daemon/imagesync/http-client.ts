import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { LookupFunction } from "node:net";

/** How long a source may take; all in milliseconds, rates in bytes per second. */
export interface HttpLimits {
  readonly connectMs: number;
  /** Until the headers of a response are there. */
  readonly responseMs: number;
  /** Longest wait for a byte while we are ready for one. */
  readonly stallMs: number;
  /** Smallest acceptable mean over `rateWindowMs` of waiting for the source. */
  readonly minRate: number;
  readonly rateWindowMs: number;
  /** Longest time one download may take in all. */
  readonly totalMs: number;
}

/** Limits that fit a source in the same data centre. */
const defaultHttpLimits: HttpLimits = {
  connectMs: 5_000,
  responseMs: 60_000,
  stallMs: 60_000,
  minRate: 16 * 1024,
  rateWindowMs: 300_000,
  totalMs: 24 * 3_600_000,
};

/** What an HTTP client of one source is made of. */
export interface HttpClientOptions {
  readonly limits?: Partial<HttpLimits>;
  /** PEM of the authorities to trust instead of the system's. */
  readonly ca?: string;
  readonly lookup?: LookupFunction;
}

/** Connections to one source, kept alive; closed on dispose. */
export class HttpClient implements Disposable {
  readonly limits: HttpLimits;
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;

  constructor(options: HttpClientOptions = {}) {
    this.limits = { ...defaultHttpLimits, ...options.limits };
    const { ca, lookup } = options;
    const shared = { keepAlive: true, ...(lookup && { lookup }) };
    this.#http = new HttpAgent(shared);
    this.#https = new HttpsAgent({
      ...shared,
      minVersion: "TLSv1.2",
      ...(ca !== undefined && { ca }),
    });
  }

  /** Options of every request: nothing is followed, repeated, decoded or thrown behind our back. */
  get requestOptions() {
    const { connectMs, responseMs } = this.limits;
    return {
      agent: { http: this.#http, https: this.#https },
      retry: { limit: 0 },
      decompress: false,
      followRedirect: false,
      throwHttpErrors: false,
      timeout: {
        lookup: connectMs,
        connect: connectMs,
        secureConnect: 2 * connectMs,
        response: responseMs,
      },
    } as const;
  }

  [Symbol.dispose](): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}
