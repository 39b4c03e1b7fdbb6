import { humanBytes } from "../../cli/output/human-bytes.ts";
import { humanDuration } from "../../cli/output/human-duration.ts";
import { makeVolume } from "./make-volume.ts";
import { imageIds, type Stage } from "./stage.ts";

const hitCount = 5;
const fasterThan = 20;

/** The first volume of an image, and five more: what the cache is for. */
export async function coldAndHits(stage: Stage): Promise<void> {
  stage.say("A volume from a 1 GiB raw image that nobody used before");
  const cold = await makeVolume(stage, imageIds.large, stage.files.large);
  const { path } = cold;
  const sent = stage.images.sent(imageIds.large);
  stage.measurements.push({
    what: "1 GiB raw, cold",
    path,
    ms: cold.ms,
    wireBytes: sent.bytes,
    isComparable: true,
  });
  stage.say(
    `    ${path} in ${humanDuration(cold.ms)}, ${humanBytes(sent.bytes)} over the wire`,
  );
  stage.claims.check("it is a miss", path === "miss", path);

  stage.say(`The same image ${hitCount} times more`);
  const times: number[] = [];
  const paths: string[] = [];
  for (let n = 0; n < hitCount; n++) {
    const hit = await makeVolume(stage, imageIds.large, stage.files.large);
    times.push(hit.ms);
    paths.push(hit.path);
    stage.measurements.push({
      what: `1 GiB raw, again (${n + 1})`,
      path: hit.path,
      ms: hit.ms,
      wireBytes: 0,
      isComparable: true,
    });
  }
  stage.say(
    `    ${paths.join(", ")} in ${times.map((ms) => humanDuration(ms)).join(", ")}`,
  );
  checkHits(stage, cold.ms, times, paths, sent.bytes);
}

function checkHits(
  stage: Stage,
  coldMs: number,
  times: readonly number[],
  paths: readonly string[],
  coldBytes: number,
): void {
  const { claims } = stage;
  claims.check(
    "all of them are hits",
    paths.every((path) => path === "hit"),
    paths.join(", "),
  );
  const moved = stage.images.sent(imageIds.large).bytes - coldBytes;
  claims.check("they moved no image bytes", moved === 0, humanBytes(moved));
  const median = times.toSorted((a, b) => a - b)[times.length >> 1] ?? coldMs;
  const factor = coldMs / median;
  const claim = `their median is at least ${fasterThan} times faster than the cold create`;
  if (stage.place.hasCheapClones) {
    claims.check(claim, factor >= fasterThan, `${factor.toFixed(1)} times`);
  } else {
    claims.skip(
      claim,
      `clones are copies here; it was ${factor.toFixed(1)} times faster`,
    );
  }
}
