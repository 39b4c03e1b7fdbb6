import { textOf } from "../../cli/output/fields.ts";
import { humanBytes } from "../../cli/output/human-bytes.ts";
import { humanDuration } from "../../cli/output/human-duration.ts";
import { makeVolume } from "./make-volume.ts";
import { imageIds, type Stage } from "./stage.ts";

/** The image that was evicted for room is wanted again: its image-volume comes back, where the place still has it. */
export async function restoredImage(stage: Stage): Promise<void> {
  const { claims, files, images, place } = stage;
  if (!place.keepsEvicted) {
    return;
  }
  stage.say("The evicted 1 GiB raw image is wanted again");
  const before = images.sent(imageIds.large).bytes;
  const made = await makeVolume(stage, imageIds.large, files.large);
  const { path } = made;
  const reason = textOf(made.answer["reason"]);
  const wireBytes = images.sent(imageIds.large).bytes - before;
  stage.measurements.push({
    what: "1 GiB raw, evicted and restored",
    path: `${path}, ${reason}`,
    ms: made.ms,
    wireBytes,
    isComparable: true,
  });
  stage.say(
    `    ${path}, ${reason} in ${humanDuration(made.ms)}, ${humanBytes(wireBytes)} over the wire`,
  );
  claims.check(
    "its image-volume is recovered on the array",
    path === "miss" && reason === "restored",
    `${path}, ${reason}`,
  );
  claims.check(
    "no image bytes were moved",
    wireBytes === 0,
    humanBytes(wireBytes),
  );
  claims.check(
    "the event of it says so",
    await stage.events.has("image_volume_cache.miss", {
      volume_id: made.volumeId,
      reason: "restored",
      bytes_downloaded: 0,
    }),
    "no such event",
  );
}
