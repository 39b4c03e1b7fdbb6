import type { DaemonSession } from "../daemon-session.ts";
import { type Fields, fieldsList, fieldsOf } from "../output/fields.ts";

/** Which volumes are asked for. */
export interface VolumeFilter {
  readonly allTenants?: boolean;
  readonly status?: string;
  readonly image?: string;
  readonly backend?: string;
  readonly limit?: number;
  readonly marker?: string;
}

const pageSize = 1000;

/** Volumes, page by page until `limit` or the end; `nextMarker` is null at the end. */
export async function listVolumes(
  daemon: DaemonSession,
  filter: VolumeFilter,
): Promise<{ volumes: readonly Fields[]; nextMarker: string | null }> {
  const limit = filter.limit ?? Number.POSITIVE_INFINITY;
  const volumes: Fields[] = [];
  let marker = filter.marker ?? null;
  do {
    const answer = fieldsOf(
      await daemon.call("list_volumes", {
        ...(filter.allTenants === true ? { all_tenants: true } : {}),
        ...(filter.status === undefined ? {} : { status: filter.status }),
        ...(filter.image === undefined ? {} : { image_id: filter.image }),
        ...(filter.backend === undefined ? {} : { backend: filter.backend }),
        ...(marker === null ? {} : { marker }),
        limit: Math.min(pageSize, limit - volumes.length),
      }),
    );
    volumes.push(...fieldsList(answer["volumes"]));
    const next = answer["next_marker"];
    marker = typeof next === "string" && next !== marker ? next : null;
  } while (marker !== null && volumes.length < limit);
  return { volumes, nextMarker: marker };
}
