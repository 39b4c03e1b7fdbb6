import { findProgram, toolMissing } from "./find-qemu-img.ts";
import type { QemuImgOptions } from "./qemu-img.ts";
import { runConfined } from "./run-confined.ts";

/** What is needed to reach LUNs, besides qemu-img. */
export interface IscsiTools {
  /** Absolute. */
  readonly iscsiInq: string;
}

const packages = "apt-get install qemu-block-extra libiscsi-bin";

/** Finds iscsi-inq and qemu's iSCSI driver; `TOOL_MISSING`, which names the Debian packages, when one is not there. */
export async function findIscsiTools(
  tools: QemuImgOptions,
  where?: readonly string[],
): Promise<IscsiTools> {
  const iscsiInq = await findProgram("iscsi-inq", packages, where);
  // `qemu-img --help` lists the driver even where its module is not installed. Opening it without options loads it.
  const exit = await runConfined(
    tools,
    {
      program: tools.qemuImg,
      args: ["info", "--image-opts", "driver=iscsi"],
      addressSpaceBytes: 1024 ** 3,
      cpuSeconds: 10,
      fileBytes: 0,
      silenceMs: 10_000,
    },
    { signal: new AbortController().signal },
  );
  if (!/transport, portal and target/.test(exit.stderr)) {
    throw toolMissing(`${tools.qemuImg} has no iSCSI driver`, packages);
  }
  return { iscsiInq };
}
