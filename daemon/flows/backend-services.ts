import type { VolumeBackend } from "../backends/volume-backend.ts";
import type { CacheLimits } from "../cache/cache-entry.ts";
import type { CacheStore } from "../cache/cache-store.ts";
import type { ChangeWatch } from "../cache/change-watch.ts";
import type { Evictor } from "../cache/evictor.ts";
import type { Freshness } from "../image.ts";
import type { ImageCopier } from "../imagesync/image-copier.ts";
import type { ImageSource } from "../imagesync/image-source.ts";
import type { EventFactory } from "../jobs/events.ts";
import type { Heartbeats } from "../jobs/heartbeats.ts";
import type { JobRunner } from "../jobs/job-runner.ts";
import type { JobStore } from "../jobs/job-store.ts";
import type { OutboxSender } from "../jobs/outbox-sender.ts";
import type { Outbox } from "../jobs/outbox.ts";
import type { VolumeDirectory, VolumeStore } from "../jobs/volume-store.ts";
import type { Limiter } from "./limiter.ts";
import type { RequestMeter } from "./request-meter.ts";

/** What the flows are told by the settings. */
export interface FlowSettings {
  readonly cacheEnabled: boolean;
  readonly limits: CacheLimits;
  readonly freshness: Freshness;
  readonly internalProjectId: string;
  readonly internalUserId: string;
  readonly rememberFailuresMs: number;
  readonly maxBypassPerImage: number;
  readonly createDeadlineMs: number;
  /** How long what failed half-way is cleaned up; well below a claim's time, since after that it is another daemon's. */
  readonly cleanUpMs: number;
  /** How long a fill that nobody waits for goes on. */
  readonly unwantedGraceMs: number;
}

/** What a flow works with: one backend, its index and journal, and what all backends share. */
export interface FlowTools {
  readonly backend: VolumeBackend;
  readonly settings: FlowSettings;
  readonly source: ImageSource;
  readonly copier: ImageCopier;
  readonly cache: CacheStore;
  readonly jobs: JobStore;
  readonly watch: ChangeWatch;
  readonly evictor: Evictor;
  readonly events: EventFactory;
  readonly outbox: Outbox;
  readonly outboxSender: OutboxSender;
  readonly meter: RequestMeter;
  /** Copies from image sources; fills and bypasses share it. */
  readonly copies: Limiter;
  readonly clones: Limiter;
}

/** Everything that serves one backend. */
export interface BackendServices extends FlowTools {
  readonly volumes: VolumeStore;
  readonly directory: VolumeDirectory;
  readonly runner: JobRunner;
  readonly heartbeats: Heartbeats;
}
