import { randomUUID } from "node:crypto";
import { ArrayRefusal } from "../array-refusal.ts";
import type { ArrayModel } from "./array-model.ts";
import { eradicateSnapshots, snapshotsOf } from "./eradicate.ts";
import { checkLive, checkSnapshotLive, snapshotName } from "./find-volume.ts";
import { checkSuffix } from "./object-names.ts";
import { refuseEradication } from "./protection.ts";
import type { SnapshotRecord, VolumeRecord } from "./volume-record.ts";

/** Takes a snapshot of each volume; without a suffix the array counts. */
export async function takeSnapshots(
  model: ArrayModel,
  volumes: readonly VolumeRecord[],
  suffix: string | undefined,
): Promise<readonly SnapshotRecord[]> {
  const taken = volumes.map((volume) => planned(model, volume, suffix));
  try {
    for (const { id, volumeId } of taken) {
      await model.dataPlane.clone(volumeId, id);
    }
  } catch (error) {
    await Promise.allSettled(taken.map(({ id }) => model.dataPlane.remove(id)));
    throw error;
  }
  for (const snapshot of taken) {
    model.snapshots.set(snapshot.id, snapshot);
  }
  return taken;
}

/** Renames the suffix, destroys or recovers; one of them at a time. */
export function changeSnapshots(
  model: ArrayModel,
  snapshots: readonly SnapshotRecord[],
  change: { readonly name?: string; readonly destroyed?: boolean },
): void {
  if (change.name !== undefined && change.destroyed !== undefined) {
    // Invented text.
    throw new ArrayRefusal("destroyed cannot be changed with other fields.");
  }
  for (const snapshot of snapshots) {
    checkChange(model, snapshot, change);
  }
  for (const snapshot of snapshots) {
    snapshot.suffix = change.name ?? snapshot.suffix;
    if (change.destroyed !== undefined) {
      snapshot.isDestroyedWithVolume = false;
      snapshot.expiresAtMs = change.destroyed
        ? model.now() + model.settings.eradicationDelayMs
        : null;
    }
  }
}

/** Eradicates destroyed snapshots by hand. */
export async function eradicateSnapshotsByHand(
  model: ArrayModel,
  snapshots: readonly SnapshotRecord[],
): Promise<void> {
  const live = snapshots.find(({ expiresAtMs }) => expiresAtMs === null);
  if (live !== undefined) {
    // Invented text.
    throw new ArrayRefusal(
      "Volume snapshot cannot be eradicated: it is not destroyed.",
      snapshotName(model, live),
    );
  }
  refuseEradication(model, []);
  await eradicateSnapshots(model, snapshots);
}

function planned(
  model: ArrayModel,
  volume: VolumeRecord,
  suffix: string | undefined,
): SnapshotRecord {
  checkLive(volume);
  const existing = snapshotsOf(model, volume);
  const chosen = suffix ?? String(existing.length + 1);
  checkSuffix(chosen);
  checkSuffixIsFree(existing, chosen, `${volume.name}.${chosen}`);
  return {
    id: randomUUID(),
    serial: model.nextSerial(),
    volumeId: volume.id,
    createdMs: model.now(),
    provisioned: volume.provisioned,
    suffix: chosen,
    expiresAtMs: null,
    isDestroyedWithVolume: false,
  };
}

function checkSuffixIsFree(
  snapshots: readonly SnapshotRecord[],
  suffix: string,
  name: string,
): void {
  const wanted = suffix.toLowerCase();
  if (snapshots.some((other) => other.suffix.toLowerCase() === wanted)) {
    // Invented text.
    throw new ArrayRefusal("Volume snapshot already exists.", name);
  }
}

function checkChange(
  model: ArrayModel,
  snapshot: SnapshotRecord,
  { name, destroyed }: { readonly name?: string; readonly destroyed?: boolean },
): void {
  const volume = model.volumes.withId(snapshot.volumeId);
  if (destroyed === false) {
    if (volume !== undefined) {
      checkLive(volume);
    }
    if (snapshot.expiresAtMs === null) {
      // Invented text.
      throw new ArrayRefusal(
        "Volume snapshot is not destroyed.",
        snapshotName(model, snapshot),
      );
    }
    return;
  }
  checkSnapshotLive(model, snapshot);
  if (name !== undefined && volume !== undefined) {
    checkSuffix(name);
    const others = snapshotsOf(model, volume).filter((s) => s !== snapshot);
    checkSuffixIsFree(others, name, `${volume.name}.${name}`);
  }
}
