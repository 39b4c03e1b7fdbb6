import type { ArrayModel } from "../model/array-model.ts";
import { splitVolumeName } from "../model/object-names.ts";
import type { VolumeRecord } from "../model/volume-record.ts";
import type { Item } from "../rest/endpoint.ts";
import type { Version } from "../version.ts";
import { spaceItem, spaceSince } from "./space-item.ts";

/** Fields of a volume that 2.4 does not have. */
export const volumeSince: Readonly<Record<string, Version>> = {
  ...spaceSince("volume"),
  priority: "2.10",
  priority_adjustment: "2.10",
  protocol_endpoint: "2.36",
};

/** A volume as the array answers it. Its space is that of an empty one; `volumes/space` knows what is written. */
export function volumeItem(model: ArrayModel, volume: VolumeRecord): Item {
  const { pod, group } = splitVolumeName(volume.name);
  const source =
    volume.sourceId === null
      ? undefined
      : model.volumes.withId(volume.sourceId);
  return {
    id: volume.id,
    name: volume.name,
    connection_count: connectionCount(model, volume.id),
    created: volume.createdMs,
    destroyed: volume.expiresAtMs !== null,
    host_encryption_key_status: "none",
    pod: referenceItem(pod === null ? undefined : model.pods.named(pod)),
    priority: 0,
    priority_adjustment: { ...volume.priorityAdjustment },
    promotion_status: "promoted",
    protocol_endpoint: { container_version: null },
    provisioned: volume.provisioned,
    qos: { ...volume.qos },
    requested_promotion_state: "promoted",
    serial: volume.serial,
    // What is told of an eradicated source is in no document.
    source: referenceItem(source),
    space: spaceItem(model, "volume", volume.provisioned),
    subtype: "regular",
    time_remaining: timeRemaining(model, volume.expiresAtMs),
    volume_group: referenceItem(
      group === null ? undefined : model.volumeGroups.named(group),
    ),
  };
}

/** An object as a reference, with nulls when there is none. */
export function referenceItem(
  object: { readonly id: string; readonly name: string } | undefined,
): Item {
  return { id: object?.id ?? null, name: object?.name ?? null };
}

/** Ms until the array eradicates by itself; null for what lives. */
export function timeRemaining(
  model: ArrayModel,
  expiresAtMs: number | null,
): number | null {
  return expiresAtMs === null ? null : Math.max(0, expiresAtMs - model.now());
}

/** A shared connection counts once, however many hosts the group has: real arrays answer so. */
function connectionCount(model: ArrayModel, volumeId: string): number {
  return model.connections.filter(
    (connection) => connection.volumeId === volumeId,
  ).length;
}
