import { randomUUID } from "node:crypto";
import type { StatusLine } from "../../cli/output/status-line.ts";
import type { RpcClient } from "../../cli/rpc-client.ts";
import type { Claims } from "./claims.ts";
import type { EventLog } from "./event-log.ts";
import type { ImageServer } from "./image-server.ts";
import type { ExpectedVolume, Place } from "./place.ts";
import type { DemoImages } from "./prepare-images.ts";

/** A line of the table at the end. */
export interface Measurement {
  readonly what: string;
  readonly path: string;
  readonly ms: number;
  readonly wireBytes: number;
  /** True where the cold create of the 1 GiB image is the right thing to compare with. */
  readonly isComparable: boolean;
}

/** Everything that the steps of the demo use and fill in. */
export interface Stage {
  readonly rpc: RpcClient;
  readonly images: ImageServer;
  readonly files: DemoImages;
  readonly events: EventLog;
  readonly claims: Claims;
  readonly status: StatusLine;
  readonly place: Place;
  readonly measurements: Measurement[];
  /** By volume id; all of them are read at the end. */
  readonly volumes: Map<string, ExpectedVolume>;
  readonly signal: AbortSignal;
  say(line: string): void;
  /** Runs the operator's tool. */
  ivc(...args: string[]): Promise<string>;
}

/** Ids of the images, new in every run. */
export const imageIds = {
  large: randomUUID(),
  largeQcow2: randomUUID(),
  rescue: randomUUID(),
  rescueQcow2: randomUUID(),
  corrupt: randomUUID(),
  unsafe: randomUUID(),
};

/** The context of the demo's requests: an ordinary project. */
export const demoContext = {
  project_id: "demo",
  user_id: "demo",
  roles: ["member"],
  is_admin: false,
};
