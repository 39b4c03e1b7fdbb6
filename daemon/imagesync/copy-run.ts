import type { WriteTarget } from "../backends/volume-backend.ts";
import type { ImageDownload } from "./image-download.ts";
import type { LunWriter } from "./lun-writer.ts";
import type { ProgressMeter } from "./progress-meter.ts";
import type { QemuImg } from "./qemu-img.ts";

/** One copy of an image into a target: what the ways to copy work with. */
export interface CopyRun {
  readonly download: ImageDownload;
  readonly target: WriteTarget;
  readonly meter: ProgressMeter;
  /** Up to here an earlier, broken download may have written into a target of its own: zeroes have to be written as well. */
  readonly dirtyBytes: number;
  readonly scratchDir: string;
  readonly qemuImg: QemuImg;
  /** Null: this daemon has no backend with LUNs. */
  readonly lunWriter: LunWriter | null;
  readonly signal: AbortSignal;
}
