import { ArrayRefusal } from "../array-refusal.ts";
import type { Version } from "../version.ts";
import type { ArrayModel } from "./array-model.ts";
import { changedPriority } from "./changed-priority.ts";
import type { ProtectionGroupRecord } from "./container-record.ts";
import { destroyVolumes, recoverVolumes } from "./destroy-volumes.ts";
import { checkLive, checkNameIsFree } from "./find-volume.ts";
import {
  checkVolumeName,
  joinVolumeName,
  splitVolumeName,
  type VolumeName,
} from "./object-names.ts";
import { refuseLocked } from "./protection.ts";
import {
  checkContainers,
  checkQos,
  checkQuota,
  checkRoom,
  checkSize,
} from "./volume-limits.ts";
import type { PriorityAdjustment, Qos, VolumeRecord } from "./volume-record.ts";

/** What `PATCH /volumes` asks for. */
export interface VolumeChange {
  readonly version: Version;
  readonly name?: string;
  readonly destroyed?: boolean;
  readonly provisioned?: number;
  readonly isTruncate: boolean;
  /** Empty names take it out. */
  readonly pod?: string;
  readonly volumeGroup?: string;
  readonly qos?: Partial<Qos>;
  readonly priorityAdjustment?: Partial<PriorityAdjustment>;
  /** Volumes are promoted here, and stay so. */
  readonly promotion?: "promoted";
  readonly joined: readonly ProtectionGroupRecord[];
  readonly left: readonly ProtectionGroupRecord[];
}

/** Changes live volumes, destroys or recovers; all are checked before the first is changed. */
export async function changeVolumes(
  model: ArrayModel,
  volumes: readonly VolumeRecord[],
  change: VolumeChange,
): Promise<void> {
  if (change.destroyed !== undefined) {
    checkAlone(change);
    if (change.destroyed) {
      destroyVolumes(model, volumes);
    } else {
      recoverVolumes(model, volumes);
    }
    return;
  }
  checkOnePlace(change);
  const names = volumes.map((volume) => newNameOf(model, volume, change));
  if (change.name !== undefined && volumes.length > 1) {
    // Invented text.
    throw new ArrayRefusal("Only one volume can be renamed.", change.name);
  }
  for (const volume of volumes) {
    checkChange(model, volume, change);
  }
  refuseLocked(change.left);
  await resize(model, volumes, change.provisioned);
  for (const [index, volume] of volumes.entries()) {
    apply(model, volume, names[index] ?? volume.name, change);
  }
}

function checkAlone(change: VolumeChange): void {
  const { name, provisioned, pod, volumeGroup, qos } = change;
  const { priorityAdjustment, promotion } = change;
  const others = [name, provisioned, pod, volumeGroup, qos];
  const isMore =
    [...others, priorityAdjustment, promotion].some((x) => x !== undefined) ||
    change.joined.length + change.left.length > 0 ||
    change.isTruncate;
  if (isMore) {
    // Invented text; that name and destroyed do not go together is known from one driver.
    throw new ArrayRefusal("destroyed cannot be changed with other fields.");
  }
}

/** A rename stays in its place, so that it and two moves exclude one another. */
function checkOnePlace({ name, pod, volumeGroup }: VolumeChange): void {
  const given = [name, pod, volumeGroup].filter((x) => x !== undefined);
  if (given.length > 1) {
    // Invented text.
    throw new ArrayRefusal(
      "Only one of name, pod and volume_group can be changed at once.",
      name ?? null,
    );
  }
}

function checkChange(
  model: ArrayModel,
  volume: VolumeRecord,
  { provisioned, isTruncate, qos, priorityAdjustment }: VolumeChange,
): void {
  checkLive(volume);
  checkQos(qos ?? {}, volume.name);
  changedPriority(volume.priorityAdjustment, priorityAdjustment, volume);
  if (provisioned === undefined) {
    return;
  }
  checkSize(model, provisioned, volume.name);
  if (provisioned < volume.provisioned && !isTruncate) {
    // Invented text.
    throw new ArrayRefusal(
      "Volume size can be reduced with truncate only.",
      volume.name,
    );
  }
  if (provisioned > volume.provisioned) {
    checkRoom(model, 0);
    checkQuota(
      model,
      splitVolumeName(volume.name),
      provisioned - volume.provisioned,
    );
  }
}

/** A rename stays in its pod and group; a move stays with its last part. */
function newNameOf(
  model: ArrayModel,
  volume: VolumeRecord,
  { name, pod, volumeGroup, version }: VolumeChange,
): string {
  const now = splitVolumeName(volume.name);
  if (name !== undefined) {
    const next = checkVolumeName(name, version);
    if (!isSame(next.pod, now.pod) || !isSame(next.group, now.group)) {
      throw new ArrayRefusal("Cannot move volume through rename", name);
    }
    checkNameIsFree(model, name, volume);
    return name;
  }
  if (pod === undefined && volumeGroup === undefined) {
    return volume.name;
  }
  const next = moved(now, pod, volumeGroup);
  checkContainers(model, next);
  checkQuota(model, next, isSame(next.pod, now.pod) ? 0 : volume.provisioned);
  const full = joinVolumeName(next);
  checkVolumeName(full, version);
  checkNameIsFree(model, full, volume);
  return full;
}

function moved(
  now: VolumeName,
  pod: string | undefined,
  volumeGroup: string | undefined,
): VolumeName {
  if (volumeGroup !== undefined && volumeGroup !== "") {
    const { pod: podOfGroup } = splitVolumeName(volumeGroup);
    return { pod: podOfGroup, group: volumeGroup, leaf: now.leaf };
  }
  const kept = pod === undefined ? now.pod : pod === "" ? null : pod;
  return { pod: kept, group: null, leaf: now.leaf };
}

function isSame(one: string | null, other: string | null): boolean {
  return one?.toLowerCase() === other?.toLowerCase();
}

async function resize(
  model: ArrayModel,
  volumes: readonly VolumeRecord[],
  provisioned: number | undefined,
): Promise<void> {
  if (provisioned === undefined) {
    return;
  }
  for (const volume of volumes) {
    if (volume.provisioned !== provisioned) {
      await model.dataPlane.resize(volume.id, provisioned);
      volume.provisioned = provisioned;
    }
  }
}

function apply(
  model: ArrayModel,
  volume: VolumeRecord,
  name: string,
  { qos, priorityAdjustment, joined, left }: VolumeChange,
): void {
  if (name !== volume.name) {
    model.volumes.rename(volume, name);
  }
  volume.qos = { ...volume.qos, ...qos };
  volume.priorityAdjustment = changedPriority(
    volume.priorityAdjustment,
    priorityAdjustment,
    volume,
  );
  for (const group of joined) {
    group.volumeIds.add(volume.id);
  }
  for (const group of left) {
    group.volumeIds.delete(volume.id);
  }
}
