import { expect } from "@jest/globals";
import { eventually } from "./eventually.ts";
import { seeProcesses } from "./processes.ts";
import { arrayName, type StageArray } from "./use-array.ts";
import { anAdmin, type Stage } from "./use-stage.ts";

/** What the cache says of itself. */
export type CacheStats = Readonly<Record<string, number>>;

/** What `cache_stats` tells an administrator. */
export async function cacheStats(
  stage: Stage,
  backend = "flasharray",
): Promise<CacheStats> {
  return await stage.call<CacheStats>(
    "cache_stats",
    { backend },
    { context: anAdmin },
  );
}

/** Waits until nobody works, holds room or has an event to tell. */
export async function atRest(
  stage: Stage,
  backend = "flasharray",
): Promise<void> {
  await eventually(`backend ${backend} is at rest`, async () => {
    const stats = await cacheStats(stage, backend);
    const outbox = await stage.redis.hlen(`ivc:{${backend}}:outbox`);
    return (
      stats["open_jobs"] === 0 && stats["reserved_count"] === 0 && outbox === 0
    );
  });
}

/** Names of the image-volumes that the index knows. */
export async function indexed(
  stage: Stage,
  backend = "flasharray",
): Promise<string[]> {
  const { entries } = await stage.call<{
    entries: { provider_id: string; leases: number }[];
  }>("cache_list", { backend }, { context: anAdmin });
  expect(entries.map(({ leases }) => leases)).toEqual(entries.map(() => 0));
  return entries.map(({ provider_id }) => provider_id).toSorted();
}

/**
 * Waits until an array with the default names has these users' volumes, the image-volumes that the index knows, the
 * marker, and nothing else: no attempt, no connection, no file of an image, no program that writes one. Names that match
 * `others` are other backends'.
 */
export async function expectOrder(
  stage: Stage,
  array: StageArray,
  volumeIds: readonly string[],
  others?: RegExp,
): Promise<void> {
  await atRest(stage);
  const wanted = [
    "ivc-data-set",
    ...(await indexed(stage)),
    ...volumeIds.map(arrayName),
  ].toSorted();
  const { model } = array.simulator;
  const live = () =>
    array.liveNames().filter((name) => others?.test(name) !== true);
  await eventually(
    "nothing is left on its way",
    async () =>
      model.connections.length === 0 &&
      (await array.scratchFiles()).length === 0 &&
      live().length <= wanted.length,
  ).catch(() => {});
  expect(live()).toEqual(wanted);
  expect(model.connections).toEqual([]);
  expect(await array.scratchFiles()).toEqual([]);
  expect(await writersOf(array)).toEqual([]);
}

/** Command lines of programs that read or write this array's images. */
export async function writersOf({
  scratchDir,
  simulator,
}: StageArray): Promise<string[]> {
  const { iqn } = simulator.dataPlane;
  return (await seeProcesses())
    .filter(({ name }) => /^(qemu|iscsi)/.test(name))
    .map(({ cmdline }) => cmdline)
    .filter((line) => line.includes(scratchDir) || line.includes(iqn));
}
