import { ArrayRefusal } from "../array-refusal.ts";
import type { ArrayModel } from "./array-model.ts";
import type { PodRecord, VolumeGroupRecord } from "./container-record.ts";
import { destroyVolumes } from "./destroy-volumes.ts";
import {
  eradicatePod,
  eradicateVolumeGroup,
  volumesInGroup,
  volumesInPod,
} from "./eradicate.ts";
import type { NamedObjects } from "./named-objects.ts";
import { refuseEradication } from "./protection.ts";
import type { VolumeRecord } from "./volume-record.ts";

/** A volume group or a pod, and what is the same for both. */
export type Container =
  | { readonly kind: "Volume group"; readonly record: VolumeGroupRecord }
  | { readonly kind: "Pod"; readonly record: PodRecord };

/** Refuses a name that a container has, live or destroyed. */
export function checkContainerNameIsFree<
  T extends { readonly id: string; name: string; expiresAtMs: number | null },
>(
  kind: Container["kind"],
  containers: NamedObjects<T>,
  name: string,
  except?: T,
): void {
  const taken = containers.named(name);
  if (taken !== undefined && taken !== except) {
    throw new ArrayRefusal(
      taken.expiresAtMs === null
        ? `${kind} already exists.`
        : `${kind} has been destroyed.`,
      taken.name,
    );
  }
}

/** Destroys, with what is in it when asked; or recovers, without what was in it. */
export function destroyOrRecoverContainer(
  model: ArrayModel,
  container: Container,
  isDestroy: boolean,
  isWithContents: boolean,
): void {
  const { kind, record } = container;
  if (isDestroy === (record.expiresAtMs !== null)) {
    throw new ArrayRefusal(
      // The second text is invented.
      isDestroy ? `${kind} has been deleted.` : `${kind} is not destroyed.`,
      record.name,
    );
  }
  if (!isDestroy) {
    record.expiresAtMs = null;
    return;
  }
  const live = contentsOf(model, container).filter(
    ({ expiresAtMs }) => expiresAtMs === null,
  );
  if (live.length > 0 && !isWithContents) {
    // Invented text.
    throw new ArrayRefusal(`${kind} is not empty.`, record.name);
  }
  destroyVolumes(model, live);
  record.expiresAtMs = model.now() + model.settings.eradicationDelayMs;
}

/** Eradicates a destroyed container by hand, with what is in it when asked. */
export async function eradicateContainer(
  model: ArrayModel,
  container: Container,
  isWithContents: boolean,
): Promise<void> {
  const { kind, record } = container;
  const contents = contentsOf(model, container);
  const isEmptied = contents.length === 0 || isWithContents;
  if (record.expiresAtMs === null || !isEmptied) {
    // Invented text.
    const why = isEmptied ? "it is not destroyed" : "it is not empty";
    throw new ArrayRefusal(
      `Cannot eradicate ${kind.toLowerCase()}: ${why}.`,
      record.name,
    );
  }
  refuseEradication(
    model,
    contents.map(({ id }) => id),
    // LXD's driver looks for these words to let a pod go that SafeMode keeps.
    kind === "Pod" ? "Cannot eradicate pod. " : "",
  );
  switch (container.kind) {
    case "Volume group": {
      await eradicateVolumeGroup(model, container.record);
      return;
    }
    case "Pod": {
      await eradicatePod(model, container.record);
    }
  }
}

/** Renames a container, and with it the names of all that is in it. */
export function renameContainer(
  model: ArrayModel,
  container: Container,
  name: string,
): void {
  const members = contentsOf(model, container);
  const { record } = container;
  const renamed = (full: string): string =>
    `${name}${full.slice(record.name.length)}`;
  for (const volume of members) {
    model.volumes.rename(volume, renamed(volume.name));
  }
  if (container.kind === "Volume group") {
    model.volumeGroups.rename(container.record, name);
    return;
  }
  const prefix = `${record.name.toLowerCase()}::`;
  renameInside(model.volumeGroups, prefix, renamed);
  renameInside(model.protectionGroups, prefix, renamed);
  container.record.defaultProtection =
    container.record.defaultProtection.map(renamed);
  model.pods.rename(container.record, name);
}

function renameInside<T extends { readonly id: string; name: string }>(
  objects: NamedObjects<T>,
  prefix: string,
  renamed: (full: string) => string,
): void {
  for (const object of objects.all()) {
    if (object.name.toLowerCase().startsWith(prefix)) {
      objects.rename(object, renamed(object.name));
    }
  }
}

function contentsOf(
  model: ArrayModel,
  container: Container,
): readonly VolumeRecord[] {
  return container.kind === "Volume group"
    ? volumesInGroup(model, container.record)
    : volumesInPod(model, container.record);
}
