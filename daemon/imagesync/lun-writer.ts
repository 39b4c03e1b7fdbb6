import type { IscsiTarget, Options } from "../backends/volume-backend.ts";
import { BackendError } from "../errors.ts";
import { checkIscsiTarget } from "./check-iscsi-target.ts";
import type { LostPath } from "./lun-outcome.ts";
import type { LunPath, QemuImg, SpooledImage } from "./qemu-img.ts";
import { type Inquiry, readUnitSerial } from "./read-unit-serial.ts";
import { openSecretFile } from "./secret-file.ts";
import { targetName } from "./target-name.ts";

/** What a writer of LUNs is made of. */
export interface LunWriterOptions extends Inquiry {
  readonly qemuImg: QemuImg;
  /** Where the CHAP secret is put into a file without a name. */
  readonly scratchDir: string;
}

/** A path that was lost, and where it was. */
interface LostAt extends LostPath {
  readonly portal: string;
}

/** What a wrong device may have had of an image, by when it showed. */
const harm = {
  before: "nothing was written to it",
  between:
    "it came to this LUN while the image was written, and may have bytes of it: check it",
  after:
    "it came to this LUN while the image was written, and has bytes of it: check it",
} as const;

/** Writes images into LUNs in user space, each only after the device has told the right serial. */
export class LunWriter {
  readonly #options: LunWriterOptions;

  constructor(options: LunWriterOptions) {
    this.#options = options;
  }

  /** Throws unless the right device answers at one portal: better known before a download than after it. */
  async prove(target: IscsiTarget, options: Options): Promise<void> {
    checkIscsiTarget(target);
    const lost: LostAt[] = [];
    for (const portal of target.portals) {
      const path = await this.#identify(target, portal, "before", options);
      if (path === null) {
        return;
      }
      lost.push({ portal, ...path });
    }
    throw unwritable(target, lost);
  }

  /**
   * Writes a whole image, raw, through the first portal that carries it to the end, and flushes the device. What is
   * behind the LUN is asked before and after: it is written only when both is the right device.
   */
  async write(
    image: SpooledImage,
    target: IscsiTarget,
    onPercent: (percent: number) => void,
    options: Options,
  ): Promise<void> {
    const { scratchDir } = this.#options;
    checkIscsiTarget(target);
    await using secret =
      target.chap === null
        ? null
        : await openSecretFile(scratchDir, target.chap.password);
    const secretFd = secret?.fd ?? null;
    const lost: LostAt[] = [];
    // Another try after a lost path writes the same bytes to the same places, and only there.
    const ways = target.portals.map((portal) => ({ portal, isSecond: false }));
    for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
      const { portal, isSecond } = way;
      const when = lost.some(isWritten) ? "between" : "before";
      const path =
        (await this.#identify(target, portal, when, options)) ??
        (await this.#convert(
          image,
          { target, portal, secretFd },
          onPercent,
          options,
        ));
      if (path === null) {
        return;
      }
      lost.push({ portal, ...path });
      // A session that broke says nothing of the next one.
      if (path.how === "interrupted" && !isSecond) {
        ways.push({ portal, isSecond: true });
      }
    }
    throw unwritable(target, lost);
  }

  async #convert(
    image: SpooledImage,
    path: LunPath,
    onPercent: (percent: number) => void,
    options: Options,
  ): Promise<LostPath | null> {
    const { qemuImg } = this.#options;
    const outcome = await qemuImg.convertToLun(image, path, onPercent, options);
    if (outcome.kind === "lost") {
      return outcome;
    }
    const { target, portal } = path;
    const silent = await this.#identify(target, portal, "after", options);
    return silent === null
      ? null
      : {
          kind: "lost",
          how: "interrupted",
          reason: `after it took all, the device did not tell again which one it is: ${silent.reason}`,
        };
  }

  async #identify(
    target: IscsiTarget,
    portal: string,
    when: keyof typeof harm,
    options: Options,
  ): Promise<LostPath | null> {
    const answer = await readUnitSerial(this.#options, target, portal, options);
    if (answer.kind === "silent") {
      return { kind: "lost", how: "unreachable", reason: answer.reason };
    }
    const expected = target.serial.trim();
    if (answer.serial.toLowerCase() !== expected.toLowerCase()) {
      throw new BackendError(
        "WRONG_DEVICE",
        `${targetName(target)} at ${portal} has the serial ${printable(answer.serial)}, not ${expected}; ${harm[when]}`,
      );
    }
    return null;
  }
}

function isWritten({ how }: LostPath): boolean {
  return how !== "unreachable";
}

function unwritable(
  target: IscsiTarget,
  lost: readonly LostAt[],
): BackendError {
  const text = lost
    .map(({ portal, reason }) => `${portal}: ${reason}`)
    .join("; ");
  const verb = lost.some(isWritten) ? "write to" : "reach";
  return new BackendError(
    "BACKEND_IO",
    `cannot ${verb} ${targetName(target)} (${text}); ${adviceFor(text, lost)}`,
  );
}

function adviceFor(text: string, lost: readonly LostPath[]): string {
  if (text.includes("Authentication failure")) {
    return "the array wants another CHAP user or secret, or none; check use_chap_auth and the host's secret";
  }
  return lost.some(({ how }) => how === "stalled")
    ? "check the network, and whether the volume, its group or its pod has a bandwidth limit (qos)"
    : "check the network, the portals and the host's connection on the array";
}

function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 64);
}
