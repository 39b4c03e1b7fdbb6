import { randomUUID } from "node:crypto";
import { ArrayRefusal } from "../array-refusal.ts";
import type { ArrayModel } from "../model/array-model.ts";
import type { PodRecord } from "../model/container-record.ts";
import {
  checkContainerNameIsFree,
  destroyOrRecoverContainer,
  eradicateContainer,
  renameContainer,
} from "../model/containers.ts";
import { volumesInPod } from "../model/eradicate.ts";
import { checkPart } from "../model/object-names.ts";
import { ensureProtectionGroup } from "../model/protection.ts";
import type { Call, Endpoint, Item } from "../rest/endpoint.ts";
import { arrayOf, object, reference } from "./body-shapes.ts";
import { checkPromotionState } from "./check-promotion.ts";
import { boolean, list, since, string, totalListing } from "./parameters.ts";
import { newNames, pickListed, pickWritten } from "./pick-objects.ts";
import { podItem, podSince } from "./pod-item.ts";
import { readLimit } from "./read-qos.ts";
import { withoutNulls } from "./without-nulls.ts";

interface PodBody {
  readonly name?: string;
  readonly destroyed?: boolean;
  readonly failover_preferences?: readonly unknown[];
  readonly ignore_usage?: boolean;
  readonly mediator?: string;
  readonly quota_limit?: unknown;
  readonly requested_promotion_state?: string;
  readonly source?: unknown;
}

const path = "pods";
const kind = "Pod";

/** `pods` of one array: list, make, change or destroy or recover, eradicate. */
export function podEndpoints(model: ArrayModel): readonly Endpoint[] {
  return [
    {
      method: "GET",
      path,
      since: "2.1",
      query: { destroyed: boolean, ids: list, names: list },
      listing: totalListing,
      hasTotal: true,
      fieldsSince: podSince,
      handle: ({ query }) =>
        model.read(() => ({
          items: pickListed(model.pods, query, kind).map((pod) =>
            podItem(model, pod),
          ),
        })),
    },
    {
      method: "POST",
      path,
      since: "2.1",
      query: { allow_throttle: since(boolean, "2.31"), names: list },
      body: object({
        failover_preferences: arrayOf(reference),
        quota_limit: ["any", "2.23"],
        source: reference,
      }),
      fieldsSince: podSince,
      handle: (call) => model.change(() => ({ items: makePods(model, call) })),
    },
    patchEndpoint(model),
    {
      method: "DELETE",
      path,
      since: "2.1",
      query: {
        eradicate_contents: since(boolean, "2.3"),
        ids: list,
        names: list,
      },
      handle: ({ query }) =>
        model.change(async () => {
          for (const record of pickWritten(model.pods, query, kind)) {
            await eradicateContainer(
              model,
              { kind, record },
              query.boolean("eradicate_contents") === true,
            );
          }
          return { items: [] };
        }),
    },
  ];
}

function patchEndpoint(model: ArrayModel): Endpoint {
  return {
    method: "PATCH",
    path,
    since: "2.1",
    query: {
      abort_quiesce: boolean,
      destroy_contents: since(boolean, "2.3"),
      from_member_ids: since(list, "2.36"),
      from_member_names: since(list, "2.36"),
      ids: list,
      move_with_host_group_names: since(list, "2.36"),
      move_with_host_names: since(list, "2.36"),
      names: list,
      promote_from: string,
      quiesce: boolean,
      skip_quiesce: boolean,
      to_member_ids: since(list, "2.36"),
      to_member_names: since(list, "2.36"),
    },
    body: object({
      destroyed: "boolean",
      failover_preferences: arrayOf(reference),
      ignore_usage: ["boolean", "2.23"],
      mediator: "string",
      name: "string",
      quota_limit: ["any", "2.23"],
      requested_promotion_state: "string",
    }),
    fieldsSince: podSince,
    handle: (call) =>
      model.change(() => {
        const pods = pickWritten(model.pods, call.query, kind);
        for (const pod of pods) {
          changePod(model, pod, call);
        }
        return { items: pods.map((pod) => podItem(model, pod)) };
      }),
  };
}

function makePods(model: ArrayModel, { body, query }: Call): readonly Item[] {
  const { source, quota_limit: quota = "" } = withoutNulls(body) as PodBody;
  const quotaLimit = checkedQuota(quota);
  const names = newNames(query);
  if (source !== undefined) {
    // Invented text: the simulator does not clone pods.
    throw new ArrayRefusal("Pods cannot be cloned.", names[0]);
  }
  for (const name of names) {
    checkPart(kind, name);
    checkContainerNameIsFree(kind, model.pods, name);
  }
  return names.map((name) => {
    const defaults = model.settings.defaultProtection.map((group) =>
      ensureProtectionGroup(
        model,
        `${name}::${group.name}`,
        group.retentionLock,
      ),
    );
    const pod: PodRecord = {
      id: randomUUID(),
      name,
      expiresAtMs: null,
      quotaLimit,
      mediator: "purestorage",
      isPromoted: true,
      defaultProtection: defaults.map((group) => group.name),
    };
    model.pods.add(pod);
    return podItem(model, pod);
  });
}

function changePod(
  model: ArrayModel,
  record: PodRecord,
  { body, query }: Call,
): void {
  const change = withoutNulls(body) as PodBody;
  const container = { kind, record } as const;
  checkPromotionState(change.requested_promotion_state);
  if (change.name !== undefined && change.destroyed !== undefined) {
    // Invented text.
    throw new ArrayRefusal("destroyed cannot be changed with other fields.");
  }
  const quota = changedQuota(model, record, change);
  if (change.destroyed !== undefined) {
    destroyOrRecoverContainer(
      model,
      container,
      change.destroyed,
      query.boolean("destroy_contents") === true,
    );
  }
  if (change.name !== undefined) {
    checkPart(kind, change.name);
    checkContainerNameIsFree(kind, model.pods, change.name, record);
    renameContainer(model, container, change.name);
  }
  record.quotaLimit = quota;
  record.mediator = change.mediator ?? record.mediator;
  record.isPromoted =
    change.requested_promotion_state === undefined
      ? record.isPromoted
      : change.requested_promotion_state === "promoted";
}

/** A quota below what is in the pod needs `ignore_usage`. */
function changedQuota(
  model: ArrayModel,
  pod: PodRecord,
  { quota_limit: given, ignore_usage: isUsageIgnored }: PodBody,
): number | null {
  if (given === undefined) {
    return pod.quotaLimit;
  }
  const quota = checkedQuota(given);
  const used = volumesInPod(model, pod).reduce(
    (sum, { provisioned }) => sum + provisioned,
    0,
  );
  if (quota !== null && used > quota && isUsageIgnored !== true) {
    // Invented text.
    throw new ArrayRefusal("Pod quota is below its usage.", pod.name);
  }
  return quota;
}

function checkedQuota(given: unknown): number | null {
  const quota = readLimit(given, "quota_limit");
  const isQuota =
    quota === null ||
    (quota >= 1_048_576 && quota <= 4_503_599_627_370_496 && quota % 512 === 0);
  if (!isQuota) {
    // Invented text; the limits are the vendor's.
    throw new ArrayRefusal("Pod quota is out of range or no multiple of 512.");
  }
  return quota;
}
