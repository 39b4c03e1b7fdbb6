import { randomUUID } from "node:crypto";
import { ArrayRefusal } from "../array-refusal.ts";
import type { ArrayModel } from "../model/array-model.ts";
import { changedPriority, noAdjustment } from "../model/changed-priority.ts";
import type { VolumeGroupRecord } from "../model/container-record.ts";
import {
  checkContainerNameIsFree,
  destroyOrRecoverContainer,
  eradicateContainer,
  renameContainer,
} from "../model/containers.ts";
import { volumesInGroup } from "../model/eradicate.ts";
import { checkPart, splitVolumeName } from "../model/object-names.ts";
import { checkContainers, checkQos } from "../model/volume-limits.ts";
import type { PriorityAdjustment, Qos } from "../model/volume-record.ts";
import type { Call, Endpoint, Item } from "../rest/endpoint.ts";
import { isAtLeast, type Version } from "../version.ts";
import { object, priorityAdjustment, qosChange } from "./body-shapes.ts";
import { boolean, list, since, totalListing } from "./parameters.ts";
import { newNames, pickListed, pickWritten } from "./pick-objects.ts";
import { readQos } from "./read-qos.ts";
import { spaceItem, spaceSince } from "./space-item.ts";
import { referenceItem, timeRemaining } from "./volume-item.ts";
import { withoutNulls } from "./without-nulls.ts";

interface GroupBody {
  readonly name?: string;
  readonly destroyed?: boolean;
  readonly qos?: Readonly<Record<keyof Qos, unknown>>;
  readonly priority_adjustment?: Partial<PriorityAdjustment>;
}

const path = "volume-groups";
const kind = "Volume group";
const fieldsSince = {
  ...spaceSince("other"),
  pod: "2.20",
  priority_adjustment: "2.10",
} as const;
const fields = {
  name: "string",
  qos: qosChange,
  space: object({}),
  priority_adjustment: [priorityAdjustment, "2.10"],
} as const;

/** `volume-groups`: list, make, change or destroy or recover, eradicate. */
export function volumeGroupEndpoints(model: ArrayModel): readonly Endpoint[] {
  return [
    listing(model),
    {
      method: "POST",
      path,
      since: "2.0",
      query: { names: list },
      body: object(fields),
      fieldsSince,
      handle: (call) =>
        model.change(() => ({ items: makeGroups(model, call) })),
    },
    {
      method: "PATCH",
      path,
      since: "2.0",
      query: {
        destroy_contents: since(boolean, "2.3"),
        ids: list,
        names: list,
      },
      body: object({ ...fields, destroyed: "boolean" }),
      fieldsSince,
      handle: (call) =>
        model.change(() => {
          const groups = pickWritten(model.volumeGroups, call.query, kind);
          for (const group of groups) {
            changeGroup(model, group, call);
          }
          return { items: groups.map((group) => groupItem(model, group)) };
        }),
    },
    {
      method: "DELETE",
      path,
      since: "2.0",
      query: {
        eradicate_contents: since(boolean, "2.3"),
        ids: list,
        names: list,
      },
      handle: ({ query }) =>
        model.change(async () => {
          for (const record of pickWritten(model.volumeGroups, query, kind)) {
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

function listing(model: ArrayModel): Endpoint {
  return {
    method: "GET",
    path,
    since: "2.0",
    query: { destroyed: boolean, ids: list, names: list },
    listing: totalListing,
    hasTotal: true,
    fieldsSince,
    handle: ({ query }) =>
      model.read(() => ({
        items: pickListed(model.volumeGroups, query, kind).map((group) =>
          groupItem(model, group),
        ),
      })),
  };
}

function makeGroups(model: ArrayModel, call: Call): readonly Item[] {
  const body = withoutNulls(call.body) as GroupBody;
  const qos = readQos(body.qos ?? {});
  const names = newNames(call.query);
  for (const name of names) {
    checkNewName(model, name, call.version);
    checkContainerNameIsFree(kind, model.volumeGroups, name);
    checkQos(qos, name);
  }
  const priority = changedPriority(noAdjustment, body.priority_adjustment, {
    name: names[0] ?? "",
    isGroup: true,
  });
  return names.map((name) => {
    const group: VolumeGroupRecord = {
      id: randomUUID(),
      name,
      expiresAtMs: null,
      qos: { bandwidth_limit: null, iops_limit: null, ...qos },
      priorityAdjustment: priority,
    };
    model.volumeGroups.add(group);
    return groupItem(model, group);
  });
}

/** Groups in pods came with 2.20. */
function checkNewName(model: ArrayModel, name: string, version: Version): void {
  const { pod, leaf } = splitVolumeName(name);
  checkPart(kind, pod === null ? name : leaf, name);
  if (pod !== null && !isAtLeast(version, "2.20")) {
    // Invented text.
    throw new ArrayRefusal("Volume groups in pods are not supported.", name);
  }
  checkContainers(model, { pod, group: null, leaf });
}

function changeGroup(
  model: ArrayModel,
  record: VolumeGroupRecord,
  { body, query, version }: Call,
): void {
  const change = withoutNulls(body) as GroupBody;
  const qos = readQos(change.qos ?? {});
  checkQos(qos, record.name);
  const priority = changedPriority(
    record.priorityAdjustment,
    change.priority_adjustment,
    { name: record.name, isGroup: true },
  );
  if (change.name !== undefined && change.destroyed !== undefined) {
    // Invented text.
    throw new ArrayRefusal("destroyed cannot be changed with other fields.");
  }
  if (change.destroyed !== undefined) {
    destroyOrRecoverContainer(
      model,
      { kind, record },
      change.destroyed,
      query.boolean("destroy_contents") === true,
    );
  }
  if (change.name !== undefined) {
    checkNewName(model, change.name, version);
    checkContainerNameIsFree(kind, model.volumeGroups, change.name, record);
    const { pod } = splitVolumeName(record.name);
    if (splitVolumeName(change.name).pod !== pod) {
      // Invented text, modelled on that of volumes.
      throw new ArrayRefusal(
        "Cannot move volume group through rename",
        change.name,
      );
    }
    renameContainer(model, { kind, record }, change.name);
  }
  record.qos = { ...record.qos, ...qos };
  record.priorityAdjustment = priority;
}

function groupItem(model: ArrayModel, group: VolumeGroupRecord): Item {
  const { pod } = splitVolumeName(group.name);
  const volumes = volumesInGroup(model, group);
  const live = volumes.filter(({ expiresAtMs }) => expiresAtMs === null);
  const provisioned = live.reduce((sum, v) => sum + v.provisioned, 0);
  return {
    id: group.id,
    name: group.name,
    destroyed: group.expiresAtMs !== null,
    pod: referenceItem(pod === null ? undefined : model.pods.named(pod)),
    priority_adjustment: { ...group.priorityAdjustment },
    qos: { ...group.qos },
    space: spaceItem(model, "other", provisioned),
    time_remaining: timeRemaining(model, group.expiresAtMs),
    volume_count: live.length,
  };
}
