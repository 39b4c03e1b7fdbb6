import { ArrayRefusal } from "../array-refusal.ts";
import type { ArrayModel } from "./array-model.ts";
import type { SnapshotRecord, VolumeRecord } from "./volume-record.ts";

const snapshotDestroyed =
  "Volume snapshot has been destroyed. It can be recovered by purevol recover and eradicated by purevol eradicate.";

/** Where bytes are copied from. */
export type CopySource =
  | { readonly kind: "volume"; readonly volume: VolumeRecord }
  | { readonly kind: "snapshot"; readonly snapshot: SnapshotRecord };

/** The name of a snapshot: that of its volume at this time, and its suffix. */
export function snapshotName(
  model: ArrayModel,
  { volumeId, suffix }: SnapshotRecord,
): string {
  return `${model.volumes.withId(volumeId)?.name ?? ""}.${suffix}`;
}

/** A snapshot by its name, live or destroyed. */
export function snapshotNamed(
  model: ArrayModel,
  name: string,
): SnapshotRecord | undefined {
  const wanted = name.toLowerCase();
  return [...model.snapshots.values()].find(
    (snapshot) => snapshotName(model, snapshot).toLowerCase() === wanted,
  );
}

/** Refuses a destroyed volume. */
export function checkLive(volume: VolumeRecord): void {
  if (volume.expiresAtMs !== null) {
    throw new ArrayRefusal("Volume has been destroyed.", volume.name);
  }
}

/** Refuses a name that a live or destroyed volume has, other than `except`. */
export function checkNameIsFree(
  model: ArrayModel,
  name: string,
  except?: VolumeRecord,
): void {
  const taken = model.volumes.named(name);
  if (taken === undefined || taken === except) {
    return;
  }
  checkLive(taken);
  throw new ArrayRefusal("Volume already exists.", taken.name);
}

/** The live volume or snapshot that a new volume is a copy of; where both are given, name and id are of one thing. */
export function requireSource(
  model: ArrayModel,
  by: { readonly name?: string; readonly id?: string },
): CopySource {
  const found = findSource(model, by);
  if (found === undefined) {
    throw new ArrayRefusal(
      "No such volume or snapshot.",
      by.name ?? by.id ?? null,
    );
  }
  if (found.kind === "volume") {
    checkLive(found.volume);
  } else {
    checkSnapshotLive(model, found.snapshot);
  }
  return found;
}

function findSource(
  model: ArrayModel,
  { name, id }: { readonly name?: string; readonly id?: string },
): CopySource | undefined {
  if (name === undefined) {
    return id === undefined
      ? undefined
      : asSource(model.volumes.withId(id), model.snapshots.get(id));
  }
  const found = asSource(model.volumes.named(name), snapshotNamed(model, name));
  const isOther =
    found !== undefined && id !== undefined && sourceId(found) !== id;
  return isOther ? undefined : found;
}

/** Refuses a destroyed snapshot. */
export function checkSnapshotLive(
  model: ArrayModel,
  snapshot: SnapshotRecord,
): void {
  if (snapshot.expiresAtMs !== null) {
    throw new ArrayRefusal(snapshotDestroyed, snapshotName(model, snapshot));
  }
}

function asSource(
  volume: VolumeRecord | undefined,
  snapshot: SnapshotRecord | undefined,
): CopySource | undefined {
  if (volume !== undefined) {
    return { kind: "volume", volume };
  }
  return snapshot === undefined ? undefined : { kind: "snapshot", snapshot };
}

function sourceId(source: CopySource): string {
  return source.kind === "volume" ? source.volume.id : source.snapshot.id;
}
