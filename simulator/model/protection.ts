import { randomUUID } from "node:crypto";
import { ArrayRefusal } from "../array-refusal.ts";
import type { ArrayModel } from "./array-model.ts";
import type { ProtectionGroupRecord } from "./container-record.ts";
import { splitVolumeName } from "./object-names.ts";

/** The group of that name, made if it is missing; a lock that is given is set. */
export function ensureProtectionGroup(
  model: ArrayModel,
  name: string,
  retentionLock?: "ratcheted" | "unlocked",
): ProtectionGroupRecord {
  let group = model.protectionGroups.named(name);
  if (group === undefined) {
    group = {
      id: randomUUID(),
      name,
      retentionLock: "unlocked",
      volumeIds: new Set(),
    };
    model.protectionGroups.add(group);
  }
  group.retentionLock = retentionLock ?? group.retentionLock;
  return group;
}

/** The groups that a new volume of that name joins by default: its pod's list, or the array's. */
export function defaultGroupsFor(
  model: ArrayModel,
  volumeName: string,
): readonly ProtectionGroupRecord[] {
  const { pod } = splitVolumeName(volumeName);
  const names =
    pod === null
      ? model.settings.defaultProtection.map(({ name }) => name)
      : (model.pods.named(pod)?.defaultProtection ?? []);
  return names.map((name) => ensureProtectionGroup(model, name));
}

/** Groups given by name or id. */
export function requireProtectionGroups(
  model: ArrayModel,
  names: readonly string[] | undefined,
  ids: readonly string[] | undefined,
): readonly ProtectionGroupRecord[] {
  const find = (
    key: string,
    group: ProtectionGroupRecord | undefined,
  ): ProtectionGroupRecord => {
    if (group === undefined) {
      // Text modelled on those of volumes and hosts.
      throw new ArrayRefusal("Protection group does not exist.", key);
    }
    return group;
  };
  return [
    ...(names ?? []).map((name) =>
      find(name, model.protectionGroups.named(name)),
    ),
    ...(ids ?? []).map((id) => find(id, model.protectionGroups.withId(id))),
  ];
}

/** Refuses to take members out of a group with a retention lock. */
export function refuseLocked(groups: readonly ProtectionGroupRecord[]): void {
  const locked = groups.find(
    ({ retentionLock }) => retentionLock === "ratcheted",
  );
  if (locked !== undefined) {
    // Invented text.
    throw new ArrayRefusal(
      "Cannot remove members of a protection group whose retention lock is ratcheted.",
      locked.name,
    );
  }
}

/** SafeMode: refuses to eradicate by hand; `preface` begins the error's text. */
export function refuseEradication(
  model: ArrayModel,
  volumeIds: readonly string[],
  preface = "",
): void {
  const isLocked = model.protectionGroups
    .all()
    .some(
      ({ retentionLock, volumeIds: members }) =>
        retentionLock === "ratcheted" &&
        volumeIds.some((id) => members.has(id)),
    );
  if (isLocked || model.settings.manualEradication === "all-disabled") {
    throw new ArrayRefusal(`${preface}Eradication is disabled.`);
  }
}
