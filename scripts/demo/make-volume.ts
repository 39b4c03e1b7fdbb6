import { randomUUID } from "node:crypto";
import { showProgress } from "../../cli/commands/show-progress.ts";
import type { DaemonSession } from "../../cli/daemon-session.ts";
import { type Fields, fieldsOf, textOf } from "../../cli/output/fields.ts";
import { bytesPerGb } from "../../daemon/volume.ts";
import type { ImageFile } from "./prepare-images.ts";
import { demoContext, type Stage } from "./stage.ts";

/** A volume that was made, and how long its caller waited. */
export interface MadeVolume {
  readonly volumeId: string;
  readonly answer: Fields;
  readonly path: string;
  readonly ms: number;
}

/** Asks for a volume over the bus, shows how far it is unless `isQuiet`, and notes what it has to hold. */
export async function makeVolume(
  stage: Stage,
  imageId: string,
  file: ImageFile,
  isQuiet = false,
): Promise<MadeVolume> {
  const volumeId = randomUUID();
  const ended = new AbortController();
  const call: DaemonSession["call"] = async (method, args, own = {}) =>
    await stage.rpc.call(method, args, {
      context: demoContext,
      timeoutMs: own.timeoutMs ?? 120_000,
      signal: own.signal ?? stage.signal,
    });
  const watched = isQuiet
    ? null
    : showProgress({ call }, volumeId, stage.status, ended.signal);
  const startedMs = performance.now();
  try {
    const answer = fieldsOf(
      await call("create_volume", { volume_id: volumeId, image_id: imageId }),
    );
    const ms = performance.now() - startedMs;
    noteVolume(stage, answer, file);
    return { volumeId, answer, path: textOf(answer["path"]), ms };
  } finally {
    ended.abort();
    await watched;
    if (!isQuiet) {
      stage.status.clear();
    }
  }
}

/** Remembers what the volume of this answer has to hold. */
export function noteVolume(
  stage: Stage,
  answer: Fields,
  file: ImageFile,
): void {
  const id = textOf(answer["volume_id"]);
  stage.volumes.set(id, {
    id,
    name: stage.place.nameOf(answer),
    sizeBytes: Number(answer["size"]) * bytesPerGb,
    dataBytes: file.virtualSizeBytes,
    sha256: file.rawSha256,
  });
}
