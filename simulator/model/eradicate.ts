import type { ArrayModel } from "./array-model.ts";
import type { PodRecord, VolumeGroupRecord } from "./container-record.ts";
import { splitVolumeName } from "./object-names.ts";
import type { SnapshotRecord, VolumeRecord } from "./volume-record.ts";

/** True when the time of a destroyed object is over. */
export function hasExpired(model: ArrayModel): boolean {
  const now = model.now();
  const isOver = ({ expiresAtMs }: { expiresAtMs: number | null }): boolean =>
    expiresAtMs !== null && expiresAtMs <= now;
  return (
    model.volumes.all().some(isOver) ||
    [...model.snapshots.values()].some(isOver) ||
    model.volumeGroups.all().some(isOver) ||
    model.pods.all().some(isOver)
  );
}

/** What the array does by itself when the eradication delay is over; SafeMode does not stop it. */
export async function eradicateExpired(model: ArrayModel): Promise<void> {
  const now = model.now();
  const isOver = ({ expiresAtMs }: { expiresAtMs: number | null }): boolean =>
    expiresAtMs !== null && expiresAtMs <= now;
  await eradicateVolumes(model, model.volumes.all().filter(isOver));
  await eradicateSnapshots(model, [...model.snapshots.values()].filter(isOver));
  for (const group of model.volumeGroups.all().filter(isOver)) {
    await eradicateVolumeGroup(model, group);
  }
  for (const pod of model.pods.all().filter(isOver)) {
    await eradicatePod(model, pod);
  }
}

/** Takes volumes and their snapshots off the array, bytes first. */
export async function eradicateVolumes(
  model: ArrayModel,
  volumes: readonly VolumeRecord[],
): Promise<void> {
  for (const volume of volumes) {
    await eradicateSnapshots(model, snapshotsOf(model, volume));
    await model.dataPlane.remove(volume.id);
    model.volumes.remove(volume);
    for (const group of model.protectionGroups.all()) {
      group.volumeIds.delete(volume.id);
    }
  }
}

/** Takes snapshots off the array, bytes first. */
export async function eradicateSnapshots(
  model: ArrayModel,
  snapshots: readonly SnapshotRecord[],
): Promise<void> {
  for (const snapshot of snapshots) {
    await model.dataPlane.remove(snapshot.id);
    model.snapshots.delete(snapshot.id);
  }
}

/** Takes a volume group and the volumes in it off the array. */
export async function eradicateVolumeGroup(
  model: ArrayModel,
  group: VolumeGroupRecord,
): Promise<void> {
  await eradicateVolumes(model, volumesInGroup(model, group));
  model.volumeGroups.remove(group);
}

/** Takes a pod and all that is in it off the array. */
export async function eradicatePod(
  model: ArrayModel,
  pod: PodRecord,
): Promise<void> {
  await eradicateVolumes(model, volumesInPod(model, pod));
  const isInside = ({ name }: { name: string }): boolean =>
    isSame(splitVolumeName(name).pod, pod.name);
  for (const group of model.volumeGroups.all().filter(isInside)) {
    model.volumeGroups.remove(group);
  }
  for (const group of model.protectionGroups.all().filter(isInside)) {
    model.protectionGroups.remove(group);
  }
  model.pods.remove(pod);
}

/** Snapshots of a volume, destroyed ones too. */
export function snapshotsOf(
  model: ArrayModel,
  volume: VolumeRecord,
): readonly SnapshotRecord[] {
  return [...model.snapshots.values()].filter(
    ({ volumeId }) => volumeId === volume.id,
  );
}

/** Volumes of a group, destroyed ones too. */
export function volumesInGroup(
  model: ArrayModel,
  group: VolumeGroupRecord,
): readonly VolumeRecord[] {
  return model.volumes
    .all()
    .filter(({ name }) => isSame(splitVolumeName(name).group, group.name));
}

/** Volumes of a pod, in groups or not, destroyed ones too. */
export function volumesInPod(
  model: ArrayModel,
  pod: PodRecord,
): readonly VolumeRecord[] {
  return model.volumes
    .all()
    .filter(({ name }) => isSame(splitVolumeName(name).pod, pod.name));
}

function isSame(part: string | null, name: string): boolean {
  return part?.toLowerCase() === name.toLowerCase();
}
