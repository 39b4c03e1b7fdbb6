import { failureCode } from "./failure-code.ts";
import { makeVolume } from "./make-volume.ts";
import { imageIds, type Stage } from "./stage.ts";

/** Images that no volume may be made of. */
export async function refusals(stage: Stage): Promise<void> {
  const { files } = stage;
  stage.say("An image that arrives with one wrong bit");
  await refuse(stage, imageIds.corrupt, "IMAGE_CORRUPT", files.small);
  stage.say("A qcow2 that names a file of the host as its backing file");
  await refuse(stage, imageIds.unsafe, "IMAGE_UNSAFE", files.unsafe);
}

async function refuse(
  stage: Stage,
  imageId: string,
  code: string,
  file: Parameters<typeof makeVolume>[2],
): Promise<void> {
  let seen = "a volume";
  let message = "";
  try {
    await makeVolume(stage, imageId, file);
  } catch (error) {
    seen = failureCode(error);
    message = (error as Error).message;
  }
  stage.say(
    `    ${message.length > 110 ? `${message.slice(0, 110)}…` : message}`,
  );
  stage.claims.check(`it is refused with ${code}`, seen === code, seen);
}
