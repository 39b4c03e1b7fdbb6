import { fieldsOf, textOf } from "../../cli/output/fields.ts";
import { humanBytes } from "../../cli/output/human-bytes.ts";
import { humanDuration } from "../../cli/output/human-duration.ts";
import { makeVolume, noteVolume } from "./make-volume.ts";
import { imageIds, type Stage } from "./stage.ts";

/** An image keeps its id and gets new bytes: the next volume has the new ones. */
export async function changedImage(stage: Stage): Promise<void> {
  const { claims, files, images } = stage;
  stage.say(`A volume with the operator's tool, from ${files.rescueOrigin}`);
  const startedMs = performance.now();
  const printed = await stage.ivc(
    ...`volume create --image ${imageIds.rescue} --name rescue --json`.split(
      " ",
    ),
  );
  const ms = performance.now() - startedMs;
  const answer = fieldsOf(JSON.parse(printed));
  noteVolume(stage, answer, files.rescue);
  stage.say(
    `    bin/ivc volume create: ${textOf(answer["path"])} in ${humanDuration(ms)}, with the start of the tool`,
  );

  stage.say("The image keeps its id and gets new bytes");
  const before = images.sent(imageIds.rescue).bytes;
  images.replace(imageIds.rescue, files.rescueChanged);
  const made = await makeVolume(stage, imageIds.rescue, files.rescueChanged);
  const { path } = made;
  const wireBytes = images.sent(imageIds.rescue).bytes - before;
  stage.measurements.push({
    what: "rescue image, changed",
    path,
    ms: made.ms,
    wireBytes,
    isComparable: false,
  });
  stage.say(
    `    ${path} in ${humanDuration(made.ms)}, ${humanBytes(wireBytes)} over the wire`,
  );
  claims.check("the new bytes are a miss", path === "miss", path);
  claims.check(
    "the image-volume of the old bytes is evicted as stale",
    await stage.events.has("image_volume_cache.evict", {
      image_id: imageIds.rescue,
      reason: "stale",
    }),
    "no such event",
  );
}
