import { fieldsList, fieldsOf } from "../../cli/output/fields.ts";
import { humanBytes } from "../../cli/output/human-bytes.ts";
import { humanDuration } from "../../cli/output/human-duration.ts";
import { makeVolume } from "./make-volume.ts";
import { demoContext, imageIds, type Stage } from "./stage.ts";

const crowd = 10;

/** Ten callers at once want an image that nobody has yet: it is downloaded once. */
export async function tenAtOnce(stage: Stage): Promise<void> {
  const { claims, files, images } = stage;
  stage.say(
    `${crowd} volumes at once from a 1 GiB qcow2 image that nobody used before`,
  );
  const startedMs = performance.now();
  const made = await Promise.all(
    Array.from(
      { length: crowd },
      async (_, nth) =>
        await makeVolume(stage, imageIds.largeQcow2, files.largeQcow2, nth > 0),
    ),
  );
  const ms = performance.now() - startedMs;
  const paths = made.map(({ path }) => path);
  const { downloads, bytes } = images.sent(imageIds.largeQcow2);
  const counted = Object.entries(Object.groupBy(paths, (path) => path))
    .map(([path, group]) => `${group?.length ?? 0} ${path}`)
    .join(", ");
  stage.measurements.push({
    what: `1 GiB qcow2, ${crowd} at once`,
    path: counted,
    ms,
    wireBytes: bytes,
    isComparable: false,
  });
  stage.say(
    `    ${counted}; all after ${humanDuration(ms)}, ${humanBytes(bytes)} over the wire`,
  );
  claims.check("one download", downloads === 1, `${downloads} downloads`);
  const misses = paths.filter((path) => path === "miss").length;
  claims.check("one of them is the miss", misses === 1, counted);
}

/** One image more than the cache may hold: the one that was not used for longest goes. */
export async function eviction(stage: Stage): Promise<void> {
  const { claims, files, images } = stage;
  stage.say("A fourth image, where at most three may be cached");
  const made = await makeVolume(stage, imageIds.rescueQcow2, files.rescueQcow2);
  const { path } = made;
  const wireBytes = images.sent(imageIds.rescueQcow2).bytes;
  stage.measurements.push({
    what: "rescue image as qcow2, with an eviction",
    path,
    ms: made.ms,
    wireBytes,
    isComparable: false,
  });
  stage.say(
    `    ${path} in ${humanDuration(made.ms)}, ${humanBytes(wireBytes)} over the wire`,
  );
  const evicted = { image_id: imageIds.large, reason: "lru" };
  claims.check(
    "the image that was not used for longest is evicted",
    await stage.events.has("image_volume_cache.evict", evicted),
    "no such event",
  );
  const listed = fieldsList(
    fieldsOf(JSON.parse(await stage.ivc("cache", "list", "--json")))["entries"],
  );
  const isGone = listed.every((entry) => entry["image_id"] !== imageIds.large);
  claims.check(
    "the cache holds three images, not that one",
    listed.length === 3 && isGone,
    `${listed.length} entries`,
  );
}

/** A deleted volume is gone from the backend; those beside it and the cache stay. */
export async function deletion(stage: Stage): Promise<void> {
  stage.say("A volume is deleted");
  const [volumeId, volume] = [...stage.volumes][1] ?? [];
  if (volumeId === undefined || volume === undefined) {
    throw new Error("no volume to delete");
  }
  const startedMs = performance.now();
  const answer = await stage.rpc.call(
    "delete_volume",
    { volume_id: volumeId },
    { context: demoContext, timeoutMs: 60_000, signal: stage.signal },
  );
  stage.say(
    `    ${JSON.stringify(answer)} in ${humanDuration(performance.now() - startedMs)}`,
  );
  stage.volumes.delete(volumeId);
  const { place } = stage;
  const left = await place.leftOf(volume.name);
  stage.claims.check(place.goneClaim, left === null, left ?? "");
}
