import type { ArrayModel } from "../model/array-model.ts";
import type { PodRecord } from "../model/container-record.ts";
import { volumesInPod } from "../model/eradicate.ts";
import type { Item } from "../rest/endpoint.ts";
import type { Version } from "../version.ts";
import { spaceItem, spaceSince } from "./space-item.ts";
import { referenceItem, timeRemaining } from "./volume-item.ts";

/** Fields of a pod that 2.4 does not have. */
export const podSince: Readonly<Record<string, Version>> = {
  ...spaceSince("pod"),
  "arrays.member": "2.36",
  eradication_config: "2.10",
  members: "2.36",
  quota_limit: "2.23",
};

/** A pod as the array answers it: on this array only. */
export function podItem(model: ArrayModel, pod: PodRecord): Item {
  const array = { id: model.id, name: model.settings.arrayName };
  const member = { ...array, resource_type: "arrays" };
  const promotion = pod.isPromoted ? "promoted" : "demoted";
  const provisioned = volumesInPod(model, pod).reduce(
    (sum, volume) => sum + volume.provisioned,
    0,
  );
  return {
    id: pod.id,
    name: pod.name,
    array_count: 1,
    arrays: [
      {
        ...array,
        frozen_at: null,
        mediator_status: "online",
        member,
        pre_elected: false,
        progress: null,
        status: "online",
      },
    ],
    destroyed: pod.expiresAtMs !== null,
    eradication_config: {
      manual_eradication: model.settings.manualEradication,
    },
    failover_preferences: [],
    footprint: 0,
    link_source_count: 0,
    link_target_count: 0,
    mediator: pod.mediator,
    mediator_version: null,
    members: [member],
    promotion_status: promotion,
    quota_limit: pod.quotaLimit,
    requested_promotion_state: promotion,
    source: referenceItem(undefined),
    space: spaceItem(model, "pod", provisioned),
    time_remaining: timeRemaining(model, pod.expiresAtMs),
  };
}
