import type { ArrayModel } from "../model/array-model.ts";
import type { ProtectionGroupRecord } from "../model/container-record.ts";
import { splitVolumeName } from "../model/object-names.ts";
import type { Endpoint, Item } from "../rest/endpoint.ts";
import { boolean, list, since, totalListing } from "./parameters.ts";
import { pickListed } from "./pick-objects.ts";
import { spaceItem, spaceSince } from "./space-item.ts";
import { referenceItem } from "./volume-item.ts";

/** `GET /protection-groups`. */
export function protectionGroupListing(model: ArrayModel): Endpoint {
  return {
    method: "GET",
    path: "protection-groups",
    since: "2.1",
    query: { destroyed: boolean, ids: since(list, "2.16"), names: list },
    listing: totalListing,
    hasTotal: true,
    fieldsSince: {
      ...spaceSince("other"),
      eradication_config: "2.10",
      id: "2.16",
      retention_lock: "2.16",
    },
    handle: ({ query }) =>
      model.read(() => ({
        items: pickListed(
          model.protectionGroups,
          query,
          "Protection group",
        ).map((group) => groupItem(model, group)),
      })),
  };
}

/** A group without schedules. */
function groupItem(model: ArrayModel, group: ProtectionGroupRecord): Item {
  const { pod } = splitVolumeName(group.name);
  const noRetention = { all_for_sec: null, days: null, per_day: null };
  const provisioned = model.volumes
    .all()
    .filter(({ id }) => group.volumeIds.has(id))
    .reduce((sum, volume) => sum + volume.provisioned, 0);
  return {
    id: group.id,
    name: group.name,
    destroyed: false,
    eradication_config: {
      manual_eradication: model.settings.manualEradication,
    },
    host_count: 0,
    host_group_count: 0,
    is_local: true,
    pod: referenceItem(pod === null ? undefined : model.pods.named(pod)),
    replication_schedule: {
      at: null,
      blackout: { end: null, start: null },
      enabled: false,
      frequency: null,
    },
    retention_lock: group.retentionLock,
    snapshot_schedule: { at: null, enabled: false, frequency: null },
    source: { id: model.id, name: model.settings.arrayName },
    source_retention: noRetention,
    space: spaceItem(model, "other", provisioned),
    target_count: 0,
    target_retention: noRetention,
    time_remaining: null,
    volume_count: group.volumeIds.size,
  };
}
