import type { ArrayModel } from "../model/array-model.ts";
import type { Endpoint } from "../rest/endpoint.ts";
import { arrayEndpoints } from "./arrays.ts";
import { connectionEndpoints } from "./connections.ts";
import { containerDefaultProtectionEndpoints } from "./container-default-protections.ts";
import { controllerEndpoints } from "./controllers.ts";
import { hostGroupEndpoints } from "./host-groups.ts";
import { hostEndpoints } from "./hosts.ts";
import { networkInterfaceEndpoints } from "./network-interfaces.ts";
import { podEndpoints } from "./pods.ts";
import { portEndpoints } from "./ports.ts";
import { protectionGroupEndpoints } from "./protection-groups.ts";
import { volumeDiffEndpoints } from "./volume-diff.ts";
import { volumeGroupEndpoints } from "./volume-groups.ts";
import { volumeSnapshotEndpoints } from "./volume-snapshots.ts";
import { volumeSpaceEndpoints } from "./volume-space.ts";
import { volumeTagEndpoints } from "./volume-tags.ts";
import { volumeEndpoints } from "./volumes.ts";

/** Every endpoint of the simulated array; all others are unknown paths. */
export function allEndpoints(model: ArrayModel): readonly Endpoint[] {
  return [
    ...arrayEndpoints(model),
    ...connectionEndpoints(model),
    ...containerDefaultProtectionEndpoints(model),
    ...controllerEndpoints(model),
    ...hostEndpoints(model),
    ...hostGroupEndpoints(model),
    ...networkInterfaceEndpoints(model),
    ...podEndpoints(model),
    ...portEndpoints(model),
    ...protectionGroupEndpoints(model),
    ...volumeDiffEndpoints(model),
    ...volumeEndpoints(model),
    ...volumeGroupEndpoints(model),
    ...volumeSnapshotEndpoints(model),
    ...volumeSpaceEndpoints(model),
    ...volumeTagEndpoints(model),
  ];
}
