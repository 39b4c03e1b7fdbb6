import type { IscsiTarget, Options } from "../backends/volume-backend.ts";
import { BackendError } from "../errors.ts";
import { checkIscsiTarget } from "./check-iscsi-target.ts";
import type { QemuImg, SpooledImage } from "./qemu-img.ts";
import { type Inquiry, readUnitSerial } from "./read-unit-serial.ts";
import { openSecretFile } from "./secret-file.ts";
import { targetName } from "./target-name.ts";

/** What a writer of LUNs is made of. */
export interface LunWriterOptions extends Inquiry {
  readonly qemuImg: QemuImg;
  /** Where the CHAP secret is put into a file without a name. */
  readonly scratchDir: string;
}

/** Why a portal was of no use; null when all was done through it. */
type Trouble = string | null;

/** Writes images into LUNs in user space, each only after the device has told the right serial. */
export class LunWriter {
  readonly #options: LunWriterOptions;

  constructor(options: LunWriterOptions) {
    this.#options = options;
  }

  /** Throws unless the right device answers at one portal: better known before a download than after it. */
  async prove(target: IscsiTarget, options: Options): Promise<void> {
    await this.#throughPortals(target, () => Promise.resolve(null), options);
  }

  /** Writes a whole image, raw, through the first portal that carries it to the end, and flushes the device. */
  async write(
    image: SpooledImage,
    target: IscsiTarget,
    onPercent: (percent: number) => void,
    options: Options,
  ): Promise<void> {
    const { qemuImg, scratchDir } = this.#options;
    checkIscsiTarget(target);
    await using secret =
      target.chap === null
        ? null
        : await openSecretFile(scratchDir, target.chap.password);
    const secretFd = secret?.fd ?? null;
    // Another try after a lost portal writes the same bytes to the same places, and only there.
    const convert = async (portal: string): Promise<Trouble> => {
      const path = { target, portal, secretFd };
      const outcome = await qemuImg.convertToLun(
        image,
        path,
        onPercent,
        options,
      );
      return outcome.kind === "written" ? null : outcome.reason;
    };
    await this.#throughPortals(target, convert, options);
  }

  async #throughPortals(
    target: IscsiTarget,
    use: (portal: string) => Promise<Trouble>,
    options: Options,
  ): Promise<void> {
    checkIscsiTarget(target);
    const troubles: string[] = [];
    for (const portal of target.portals) {
      const trouble =
        (await this.#identify(target, portal, options)) ?? (await use(portal));
      if (trouble === null) {
        return;
      }
      troubles.push(`${portal}: ${trouble}`);
    }
    throw unreachable(target, troubles);
  }

  async #identify(
    target: IscsiTarget,
    portal: string,
    options: Options,
  ): Promise<Trouble> {
    const answer = await readUnitSerial(this.#options, target, portal, options);
    if (answer.kind === "silent") {
      return answer.reason;
    }
    const expected = target.serial.trim();
    if (answer.serial.toLowerCase() !== expected.toLowerCase()) {
      throw new BackendError(
        "WRONG_DEVICE",
        `${targetName(target)} at ${portal} has the serial ${printable(answer.serial)}, not ${expected}; nothing was written to it`,
      );
    }
    return null;
  }
}

function unreachable(
  target: IscsiTarget,
  troubles: readonly string[],
): BackendError {
  const text = troubles.join("; ");
  const advice = text.includes("Authentication failure")
    ? "the array wants another CHAP user or secret, or none; check use_chap_auth and the host's secret"
    : "check the network, the portals and the host's connection on the array";
  return new BackendError(
    "BACKEND_IO",
    `cannot reach ${targetName(target)} (${text}); ${advice}`,
  );
}

function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 64);
}
