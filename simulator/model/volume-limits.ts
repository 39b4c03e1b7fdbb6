import { ArrayRefusal } from "../array-refusal.ts";
import type { ArrayModel } from "./array-model.ts";
import { volumesInPod } from "./eradicate.ts";
import type { VolumeName } from "./object-names.ts";
import type { Qos } from "./volume-record.ts";

const mebibyte = 1_048_576;
/** What arrays take. */
const largest = 4_503_599_627_370_496;

/** Refuses a size that no volume may have. */
export function checkSize(
  model: ArrayModel,
  sizeBytes: number,
  name: string,
): void {
  const most = model.settings.maxVolumeSizeBytes;
  if (sizeBytes < mebibyte || sizeBytes > most) {
    throw new ArrayRefusal(
      most === largest
        ? "Volume size must be between 1 MB and 4 PB"
        : `Volume size must be between 1 MB and ${most} bytes, as this simulator's file system or settings say`,
      name,
    );
  }
  if (sizeBytes % 512 !== 0) {
    // Invented text.
    throw new ArrayRefusal("Volume size must be a multiple of 512.", name);
  }
}

/** Refuses limits that no volume or group may have. */
export function checkQos(qos: Partial<Qos>, name: string): void {
  const { bandwidth_limit: bandwidth, iops_limit: iops } = qos;
  if (!isBetween(bandwidth, mebibyte, 549_755_813_888)) {
    // Invented text.
    throw new ArrayRefusal("Bandwidth limit is out of range.", name);
  }
  if (!isBetween(iops, 100, 100_000_000)) {
    // Invented text.
    throw new ArrayRefusal("IOPS limit is out of range.", name);
  }
}

function isBetween(
  value: number | null | undefined,
  least: number,
  most: number,
): boolean {
  return (
    value === null || value === undefined || (value >= least && value <= most)
  );
}

/** Refuses `count` more volumes where the array has no room for them. */
export function checkRoom(model: ArrayModel, count: number): void {
  const { isFull, maxVolumes } = model.settings;
  if (isFull) {
    // Invented text.
    throw new ArrayRefusal("Array is full: no space left.");
  }
  if (maxVolumes > 0 && model.volumes.size + count > maxVolumes) {
    throw new ArrayRefusal("Volume limit reached.");
  }
}

/** Where a volume is to be: its group and pod exist and live. */
export function checkContainers(
  model: ArrayModel,
  { pod, group }: VolumeName,
): void {
  if (pod !== null) {
    const found = model.pods.named(pod);
    if (found === undefined) {
      throw new ArrayRefusal("Pod does not exist.", pod);
    }
    if (found.expiresAtMs !== null) {
      throw new ArrayRefusal("Pod has been destroyed.", pod);
    }
  }
  if (group !== null) {
    const found = model.volumeGroups.named(group);
    if (found === undefined) {
      throw new ArrayRefusal("Volume group does not exist.", group);
    }
    if (found.expiresAtMs !== null) {
      throw new ArrayRefusal("Volume group has been destroyed", group);
    }
  }
}

/** Refuses what takes a pod over its quota: all sizes in it count, those of destroyed volumes too. */
export function checkQuota(
  model: ArrayModel,
  { pod }: VolumeName,
  moreBytes: number,
): void {
  const found = pod === null ? undefined : model.pods.named(pod);
  if (found === undefined || found.quotaLimit === null || moreBytes <= 0) {
    return;
  }
  const usedBytes = volumesInPod(model, found).reduce(
    (sum, { provisioned }) => sum + provisioned,
    0,
  );
  if (usedBytes + moreBytes > found.quotaLimit) {
    // Invented text.
    throw new ArrayRefusal("Pod quota limit reached.", found.name);
  }
}
