import { ArrayRefusal } from "../array-refusal.ts";
import type { ArrayModel } from "./array-model.ts";
import { eradicateVolumes, snapshotsOf } from "./eradicate.ts";
import { splitVolumeName } from "./object-names.ts";
import { refuseEradication } from "./protection.ts";
import { checkContainers } from "./volume-limits.ts";
import type { VolumeRecord } from "./volume-record.ts";

/** Destroys live volumes without connections; snapshots go with them. */
export function destroyVolumes(
  model: ArrayModel,
  volumes: readonly VolumeRecord[],
): void {
  for (const { id, name, expiresAtMs } of volumes) {
    if (expiresAtMs !== null) {
      throw new ArrayRefusal("Volume has been deleted.", name);
    }
    if (model.connections.some(({ volumeId }) => volumeId === id)) {
      // Invented text, modelled on that of hosts.
      throw new ArrayRefusal(
        "Volume cannot be deleted due to existing connections.",
        name,
      );
    }
  }
  const expiresAtMs = model.now() + model.settings.eradicationDelayMs;
  for (const volume of volumes) {
    volume.expiresAtMs = expiresAtMs;
    for (const snapshot of snapshotsOf(model, volume)) {
      snapshot.isDestroyedWithVolume = snapshot.expiresAtMs === null;
      snapshot.expiresAtMs ??= expiresAtMs;
    }
  }
}

/** Takes destroyed volumes back, and the snapshots that went with them; their containers must live. */
export function recoverVolumes(
  model: ArrayModel,
  volumes: readonly VolumeRecord[],
): void {
  for (const { name, expiresAtMs } of volumes) {
    checkContainers(model, splitVolumeName(name));
    if (expiresAtMs === null) {
      // Invented text.
      throw new ArrayRefusal("Volume is not destroyed.", name);
    }
  }
  for (const volume of volumes) {
    volume.expiresAtMs = null;
    for (const snapshot of snapshotsOf(model, volume)) {
      if (snapshot.isDestroyedWithVolume) {
        snapshot.isDestroyedWithVolume = false;
        snapshot.expiresAtMs = null;
      }
    }
  }
}

/** Eradicates destroyed volumes by hand. */
export async function eradicateByHand(
  model: ArrayModel,
  volumes: readonly VolumeRecord[],
): Promise<void> {
  const live = volumes.find(({ expiresAtMs }) => expiresAtMs === null);
  if (live !== undefined) {
    // Invented text.
    throw new ArrayRefusal(
      "Volume cannot be eradicated: it is not destroyed.",
      live.name,
    );
  }
  refuseEradication(
    model,
    volumes.map(({ id }) => id),
  );
  await eradicateVolumes(model, volumes);
}
