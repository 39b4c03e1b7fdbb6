import { randomUUID } from "node:crypto";
import type { StoredAccess } from "../access.ts";
import type { CacheEntry } from "../cache/cache-entry.ts";
import type { Fault } from "../errors.ts";
import type { CreatePath } from "../volume.ts";
import type { EventMessage, Job } from "./job.ts";

/** How a create ended, for its `hit` or `miss` and its `volume.create.end`. */
export interface CreateEnd {
  readonly job: Job;
  readonly volumeId: string;
  readonly imageId: string;
  readonly content: string | null;
  readonly sizeGb: number | null;
  readonly path: CreatePath;
  readonly reason: string;
  readonly durationMs: number;
  readonly bytesDownloaded: number;
  readonly fault: Fault | null;
}

/** Makes the notifications of one backend: Cinder's names and payload keys, and ours beside them. */
export class EventFactory {
  readonly #backend: string;
  readonly #host: string;
  readonly #publisherId: string;

  constructor(node: string, backend: string, host: string) {
    this.#backend = backend;
    this.#host = host;
    this.#publisherId = `volume.${node}`;
  }

  /** The one `image_volume_cache.hit` or `.miss` of a create; what failed was not served, so it is a miss. */
  lookup(end: CreateEnd): EventMessage {
    const isHit =
      end.fault === null && (end.path === "hit" || end.path === "coalesced");
    return this.#make(
      isHit ? "image_volume_cache.hit" : "image_volume_cache.miss",
      "INFO",
      this.#createPayload(end),
      end.job.access,
    );
  }

  /** `image_volume_cache.evict`, after the backend confirmed. */
  evict(entry: CacheEntry): EventMessage {
    return this.#make("image_volume_cache.evict", "INFO", {
      image_id: entry.imageId,
      host: this.#host,
      backend: this.#backend,
      volume_id: entry.imageVolumeId,
      content: entry.content,
      size_gb: entry.sizeGb,
      reason: entry.evictReason,
      outcome: "success",
    });
  }

  /** `image_volume_cache.fill.start`, `.end` or `.error`. */
  fill(
    moment: "start" | "end" | "error",
    job: Job,
    facts: Readonly<Record<string, unknown>>,
  ): EventMessage {
    return this.#make(
      `image_volume_cache.fill.${moment}`,
      moment === "error" ? "ERROR" : "INFO",
      { host: this.#host, backend: this.#backend, ...facts },
      job.access,
    );
  }

  /** `volume.create.start`: the image is known and the create is on its way. */
  createStart(job: Job, volumeId: string, imageId: string): EventMessage {
    return this.#make(
      "volume.create.start",
      "INFO",
      { ...this.#volume(job, volumeId), image_id: imageId },
      job.access,
    );
  }

  /** `volume.create.end` or `.error`. */
  createEnd(
    end: Omit<CreateEnd, "path"> & { path: CreatePath | null },
  ): EventMessage {
    return this.#make(
      end.fault === null ? "volume.create.end" : "volume.create.error",
      end.fault === null ? "INFO" : "ERROR",
      this.#createPayload(end),
      end.job.access,
    );
  }

  /** `volume.delete.start` or `.end`. */
  delete(moment: "start" | "end", job: Job, volumeId: string): EventMessage {
    return this.#make(
      `volume.delete.${moment}`,
      "INFO",
      this.#volume(job, volumeId),
      job.access,
    );
  }

  #createPayload(
    end: Omit<CreateEnd, "path"> & { path: CreatePath | null },
  ): Record<string, unknown> {
    return {
      ...this.#volume(end.job, end.volumeId),
      image_id: end.imageId,
      content: end.content,
      size_gb: end.sizeGb,
      path: end.path,
      reason: end.reason,
      outcome: end.fault === null ? "success" : "error",
      ...(end.fault === null
        ? {}
        : { error_code: end.fault.code, message: end.fault.message }),
      duration_ms: end.durationMs,
      bytes_downloaded: end.bytesDownloaded,
    };
  }

  #volume(job: Job, volumeId: string): Record<string, unknown> {
    return {
      volume_id: volumeId,
      project_id: job.access.projectId,
      host: this.#host,
      backend: this.#backend,
      request_id: job.access.requestId,
    };
  }

  #make(
    eventType: string,
    priority: "INFO" | "ERROR",
    payload: Readonly<Record<string, unknown>>,
    access?: StoredAccess,
  ): EventMessage {
    return {
      messageId: randomUUID(),
      uniqueId: randomUUID().replaceAll("-", ""),
      eventType,
      priority,
      publisherId: this.#publisherId,
      timestampMs: Date.now(),
      payload,
      context:
        access === undefined
          ? {}
          : {
              request_id: access.requestId,
              project_id: access.projectId,
              user_id: access.userId,
              roles: access.roles,
              is_admin: access.isAdmin,
            },
    };
  }
}
