import { randomUUID } from "node:crypto";
import { ArrayRefusal } from "../array-refusal.ts";
import type { Version } from "../version.ts";
import type { ArrayModel } from "./array-model.ts";
import { changedPriority, noAdjustment } from "./changed-priority.ts";
import type { ProtectionGroupRecord } from "./container-record.ts";
import {
  checkLive,
  checkNameIsFree,
  type CopySource,
  requireSource,
} from "./find-volume.ts";
import { checkVolumeName, splitVolumeName } from "./object-names.ts";
import { defaultGroupsFor } from "./protection.ts";
import {
  checkContainers,
  checkQos,
  checkQuota,
  checkRoom,
  checkSize,
} from "./volume-limits.ts";
import type { PriorityAdjustment, Qos, VolumeRecord } from "./volume-record.ts";

/** What `POST /volumes` asks for. */
export interface NewVolumes {
  readonly version: Version;
  readonly names: readonly string[];
  readonly isOverwrite: boolean;
  readonly provisioned?: number;
  readonly source?: { readonly name?: string; readonly id?: string };
  readonly qos?: Partial<Qos>;
  readonly priorityAdjustment?: Partial<PriorityAdjustment>;
  readonly isDefaultProtected: boolean;
  readonly groups: readonly ProtectionGroupRecord[];
}

const smallestBytes = 1_048_576;

/** Makes volumes of zeroes, or copies; with `isOverwrite` what exists gets the source's bytes and keeps id and serial. */
export async function createVolumes(
  model: ArrayModel,
  wanted: NewVolumes,
): Promise<readonly VolumeRecord[]> {
  checkWanted(wanted);
  const source =
    wanted.source === undefined ? null : requireSource(model, wanted.source);
  const existing = wanted.names.map((name) =>
    wanted.isOverwrite ? model.volumes.named(name) : undefined,
  );
  const made = wanted.names.filter((_, index) => existing[index] === undefined);
  const provisioned = checkedSize(model, wanted, source);
  checkRoom(model, made.length);
  for (const volume of existing) {
    checkOverwritten(model, volume, provisioned);
  }
  for (const name of made) {
    checkNew(model, name, wanted, provisioned * made.length);
  }
  const volumes = made.map((name) => newVolume(model, name, wanted));
  await writeBytes(model, source, provisioned, volumes, existing);
  for (const volume of volumes) {
    model.volumes.add(volume);
    protect(model, volume, wanted);
  }
  const all = wanted.names.map((name) => model.volumes.named(name));
  return all
    .filter((volume) => volume !== undefined)
    .map((volume) => {
      volume.provisioned = provisioned;
      inherit(model, volume, source);
      return volume;
    });
}

function checkWanted({
  names,
  isOverwrite,
  source,
  groups,
  qos,
  priorityAdjustment,
}: NewVolumes): void {
  const distinct = new Set(names.map((name) => name.toLowerCase()));
  if (names.length === 0 || distinct.size < names.length) {
    // Invented text.
    throw new ArrayRefusal("Names of volumes are missing or given twice.");
  }
  const isMore =
    groups.length > 0 || qos !== undefined || priorityAdjustment !== undefined;
  if (isOverwrite && (source === undefined || isMore)) {
    // Invented text; whether an array would set the limits of what exists is in no document.
    throw new ArrayRefusal(
      "An overwrite needs a source and takes no protection groups, limits and priority.",
      names[0],
    );
  }
  checkQos(qos ?? {}, names[0] ?? "");
}

function checkedSize(
  model: ArrayModel,
  { provisioned, names }: NewVolumes,
  source: CopySource | null,
): number {
  const name = names[0] ?? "";
  if (source === null) {
    checkSize(model, provisioned ?? smallestBytes, name);
    return provisioned ?? smallestBytes;
  }
  const ofSource =
    source.kind === "volume"
      ? source.volume.provisioned
      : source.snapshot.provisioned;
  if (provisioned !== undefined) {
    checkSize(model, provisioned, name);
    if (provisioned < ofSource) {
      // Invented text.
      throw new ArrayRefusal("Volume size is below that of its source.", name);
    }
  }
  return provisioned ?? ofSource;
}

function checkOverwritten(
  model: ArrayModel,
  volume: VolumeRecord | undefined,
  provisioned: number,
): void {
  if (volume !== undefined) {
    checkLive(volume);
    checkQuota(
      model,
      splitVolumeName(volume.name),
      provisioned - volume.provisioned,
    );
  }
}

function checkNew(
  model: ArrayModel,
  name: string,
  { version }: NewVolumes,
  moreBytes: number,
): void {
  const parts = checkVolumeName(name, version);
  checkContainers(model, parts);
  checkNameIsFree(model, name);
  checkQuota(model, parts, moreBytes);
}

function newVolume(
  model: ArrayModel,
  name: string,
  wanted: NewVolumes,
): VolumeRecord {
  return {
    id: randomUUID(),
    serial: model.nextSerial(),
    createdMs: model.now(),
    name,
    provisioned: 0,
    sourceId: null,
    expiresAtMs: null,
    qos: {
      bandwidth_limit: wanted.qos?.bandwidth_limit ?? null,
      iops_limit: wanted.qos?.iops_limit ?? null,
    },
    priorityAdjustment: changedPriority(
      noAdjustment,
      wanted.priorityAdjustment,
      { name },
    ),
    tags: [],
  };
}

/** Bytes of all, before the model knows of any; those of new volumes go again when one fails. */
async function writeBytes(
  model: ArrayModel,
  source: CopySource | null,
  provisioned: number,
  made: readonly VolumeRecord[],
  existing: readonly (VolumeRecord | undefined)[],
): Promise<void> {
  const { dataPlane } = model;
  try {
    for (const { id } of [
      ...made,
      ...existing.filter((v) => v !== undefined),
    ]) {
      if (source === null) {
        await dataPlane.create(id, provisioned);
      } else {
        const from = source.kind === "volume" ? source.volume : source.snapshot;
        if (from.id !== id) {
          await dataPlane.clone(from.id, id);
        }
        if (from.provisioned !== provisioned) {
          await dataPlane.resize(id, provisioned);
        }
      }
    }
  } catch (error) {
    await Promise.allSettled(made.map(({ id }) => dataPlane.remove(id)));
    throw error;
  }
}

function protect(
  model: ArrayModel,
  volume: VolumeRecord,
  { groups, isDefaultProtected }: NewVolumes,
): void {
  const joined = isDefaultProtected
    ? [...groups, ...defaultGroupsFor(model, volume.name)]
    : groups;
  for (const group of joined) {
    group.volumeIds.add(volume.id);
  }
}

/** A copy shows the volume it comes from, and has its copyable tags. */
function inherit(
  model: ArrayModel,
  volume: VolumeRecord,
  source: CopySource | null,
): void {
  if (source === null) {
    return;
  }
  const from =
    source.kind === "volume"
      ? source.volume
      : model.volumes.withId(source.snapshot.volumeId);
  volume.sourceId = from?.id ?? null;
  if (source.kind === "volume" && from !== volume) {
    const copied = source.volume.tags.filter(({ copyable }) => copyable);
    const own = volume.tags.filter(
      (tag) =>
        !copied.some(
          ({ key, namespace }) =>
            key === tag.key && namespace === tag.namespace,
        ),
    );
    volume.tags = [...own, ...copied];
  }
}
