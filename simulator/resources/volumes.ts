import { ArrayRefusal } from "../array-refusal.ts";
import type { ArrayModel } from "../model/array-model.ts";
import { changeVolumes, type VolumeChange } from "../model/change-volumes.ts";
import { createVolumes } from "../model/create-volumes.ts";
import { eradicateByHand } from "../model/destroy-volumes.ts";
import { requireProtectionGroups } from "../model/protection.ts";
import type { PriorityAdjustment, Qos } from "../model/volume-record.ts";
import type { Answer, Call, Endpoint } from "../rest/endpoint.ts";
import {
  object,
  priorityAdjustment,
  qos,
  qosChange,
  reference,
} from "./body-shapes.ts";
import { checkPromotion } from "./check-promotion.ts";
import { boolean, list, since, totalListing } from "./parameters.ts";
import { newNames, pickListed, pickWritten } from "./pick-objects.ts";
import { readQos } from "./read-qos.ts";
import { volumeItem, volumeSince } from "./volume-item.ts";
import { withoutNulls } from "./without-nulls.ts";

interface VolumeReference {
  readonly id?: string;
  readonly name?: string;
}

interface VolumeBody {
  readonly name?: string;
  readonly destroyed?: boolean;
  readonly provisioned?: number;
  readonly subtype?: string;
  readonly source?: VolumeReference;
  readonly pod?: VolumeReference;
  readonly volume_group?: VolumeReference;
  readonly qos?: Readonly<Record<keyof Qos, unknown>>;
  readonly priority_adjustment?: Partial<PriorityAdjustment>;
  readonly requested_promotion_state?: string;
}

const postBody = object({
  destroyed: "boolean",
  provisioned: "integer",
  qos,
  source: reference,
  subtype: "string",
  priority_adjustment: [priorityAdjustment, "2.10"],
  protocol_endpoint: [object({ container_version: "string" }), "2.36"],
});

const patchBody = object({
  destroyed: "boolean",
  name: "string",
  pod: reference,
  volume_group: reference,
  provisioned: "integer",
  qos: qosChange,
  requested_promotion_state: "string",
  priority_adjustment: [priorityAdjustment, "2.10"],
  protocol_endpoint: [object({ container_version: "string" }), "2.36"],
});

const joinParameters = {
  add_to_protection_group_ids: since(list, "2.16"),
  add_to_protection_group_names: since(list, "2.16"),
};

const path = "volumes";

/** `volumes`: list, make or copy, change, eradicate. */
export function volumeEndpoints(model: ArrayModel): readonly Endpoint[] {
  return [
    listing(model),
    {
      method: "POST",
      path,
      since: "2.0",
      query: {
        names: list,
        overwrite: boolean,
        with_default_protection: since(boolean, "2.16"),
        allow_throttle: since(boolean, "2.31"),
        ...joinParameters,
      },
      body: postBody,
      fieldsSince: volumeSince,
      handle: (call) => model.change(() => postVolumes(model, call)),
    },
    {
      method: "PATCH",
      path,
      since: "2.0",
      query: {
        ids: list,
        names: list,
        truncate: boolean,
        remove_from_protection_group_ids: since(list, "2.16"),
        remove_from_protection_group_names: since(list, "2.16"),
        ...joinParameters,
      },
      body: patchBody,
      fieldsSince: volumeSince,
      handle: (call) => model.change(() => patchVolumes(model, call)),
    },
    {
      method: "DELETE",
      path,
      since: "2.0",
      query: { ids: list, names: list },
      handle: ({ query }) =>
        model.change(async () => {
          const volumes = pickWritten(model.volumes, query, "Volume");
          await eradicateByHand(model, volumes);
          return { items: [] };
        }),
    },
  ];
}

function listing(model: ArrayModel): Endpoint {
  return {
    method: "GET",
    path,
    since: "2.0",
    query: { destroyed: boolean, ids: list, names: list },
    listing: totalListing,
    hasTotal: true,
    fieldsSince: volumeSince,
    handle: ({ query }) =>
      model.read(() => ({
        items: pickListed(model.volumes, query, "Volume").map((volume) =>
          volumeItem(model, volume),
        ),
      })),
  };
}

async function postVolumes(model: ArrayModel, call: Call): Promise<Answer> {
  const { query, version } = call;
  const body = withoutNulls(call.body) as VolumeBody;
  const names = newNames(query);
  checkPostable(call, body, names);
  const volumes = await createVolumes(model, {
    version,
    names,
    isOverwrite: query.boolean("overwrite") === true,
    isDefaultProtected: query.boolean("with_default_protection") !== false,
    groups: requireProtectionGroups(
      model,
      query.list("add_to_protection_group_names"),
      query.list("add_to_protection_group_ids"),
    ),
    ...(body.provisioned !== undefined && { provisioned: body.provisioned }),
    ...(body.source !== undefined && { source: body.source }),
    ...(body.qos !== undefined && { qos: readQos(body.qos) }),
    ...(body.priority_adjustment !== undefined && {
      priorityAdjustment: body.priority_adjustment,
    }),
  });
  return { items: volumes.map((volume) => volumeItem(model, volume)) };
}

function checkPostable(
  { query }: Call,
  body: VolumeBody,
  names: readonly string[],
): void {
  const isOverwrite = query.boolean("overwrite") === true;
  if (isOverwrite && query.boolean("with_default_protection") !== undefined) {
    // Invented text; that they do not go together is in the vendor's OpenAPI file.
    throw new ArrayRefusal(
      "overwrite and with_default_protection cannot be given together.",
      names[0],
    );
  }
  if (body.destroyed === true || (body.subtype ?? "regular") !== "regular") {
    // Invented text: the simulator has live volumes that hosts can read only.
    throw new ArrayRefusal(
      "Only regular volumes that are not destroyed can be made.",
      names[0],
    );
  }
}

async function patchVolumes(model: ArrayModel, call: Call): Promise<Answer> {
  const { query } = call;
  const volumes = pickWritten(model.volumes, query, "Volume");
  const change = readChange(model, call);
  const isEmpty =
    Object.keys(withoutNulls(call.body) as VolumeBody).length === 0 &&
    change.joined.length + change.left.length === 0;
  if (isEmpty) {
    // One source saw status 200 without items here.
    return { items: [] };
  }
  await changeVolumes(model, volumes, change);
  return { items: volumes.map((volume) => volumeItem(model, volume)) };
}

function readChange(
  model: ArrayModel,
  { query, body, version }: Call,
): VolumeChange {
  const given = withoutNulls(body) as VolumeBody;
  const groups = (direction: string): VolumeChange["joined"] =>
    requireProtectionGroups(
      model,
      query.list(`${direction}_protection_group_names`),
      query.list(`${direction}_protection_group_ids`),
    );
  const promotion = given.requested_promotion_state;
  checkPromotion(promotion);
  const pod = nameOf(given.pod, (id) => model.pods.withId(id)?.name);
  const volumeGroup = nameOf(
    given.volume_group,
    (id) => model.volumeGroups.withId(id)?.name,
  );
  return {
    version,
    isTruncate: query.boolean("truncate") === true,
    joined: groups("add_to"),
    left: groups("remove_from"),
    ...(given.name !== undefined && { name: given.name }),
    ...(given.destroyed !== undefined && { destroyed: given.destroyed }),
    ...(given.provisioned !== undefined && { provisioned: given.provisioned }),
    ...(pod !== undefined && { pod }),
    ...(volumeGroup !== undefined && { volumeGroup }),
    ...(given.qos !== undefined && { qos: readQos(given.qos) }),
    ...(given.priority_adjustment !== undefined && {
      priorityAdjustment: given.priority_adjustment,
    }),
    ...(promotion === "promoted" && { promotion }),
  };
}

function nameOf(
  given: VolumeReference | undefined,
  nameWithId: (id: string) => string | undefined,
): string | undefined {
  return given?.id === undefined
    ? given?.name
    : (nameWithId(given.id) ?? given.id);
}
