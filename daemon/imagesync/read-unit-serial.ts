import type { IscsiTarget, Options } from "../backends/volume-backend.ts";
import {
  type ConfinedExit,
  type ConfiningTools,
  runConfined,
} from "./run-confined.ts";

/** What a device says of itself at one portal, or why nothing was heard of it. */
export type UnitSerial =
  | { readonly kind: "serial"; readonly serial: string }
  | { readonly kind: "silent"; readonly reason: string };

/** How a portal is asked. */
export interface Inquiry extends ConfiningTools {
  readonly iscsiInq: string;
  /** Default 5 s. */
  readonly portalTimeoutMs?: number;
}

const defaultPortalTimeoutMs = 5_000;
/** VPD page 0x80, in decimal as iscsi-inq wants it. */
const unitSerialPage = "128";

/** Asks the device behind a portal for its unit serial number. */
export async function readUnitSerial(
  inquiry: Inquiry,
  target: IscsiTarget,
  portal: string,
  options: Options,
): Promise<UnitSerial> {
  const { iqn, lun, initiatorName, chap } = target;
  const timeoutMs = inquiry.portalTimeoutMs ?? defaultPortalTimeoutMs;
  let output = "";
  const exit = await runConfined(
    inquiry,
    {
      program: inquiry.iscsiInq,
      args: [
        "-i",
        initiatorName,
        ..."-e 1 -c".split(" "),
        unitSerialPage,
        `iscsi://${portal}/${iqn}/${lun}`,
      ],
      // Libiscsi's programs take a secret from their URL or from here. An environment can be read by processes of this
      // user only (/proc/<pid>/environ has mode 0400), an argument by everybody.
      environment:
        chap === null
          ? {}
          : {
              LIBISCSI_CHAP_USERNAME: chap.user,
              LIBISCSI_CHAP_PASSWORD: chap.password,
            },
      addressSpaceBytes: 256 * 1024 ** 2,
      cpuSeconds: 10,
      fileBytes: 0,
      silenceMs: timeoutMs,
      graceMs: 500,
      onOutput: (text) => {
        output = (output + text).slice(0, 2_000);
      },
    },
    options,
  );
  const serial = /Unit Serial Number:\[(?<serial>[^\]]*)\]/.exec(output)
    ?.groups?.["serial"];
  if (exit.code !== 0 || serial === undefined) {
    return { kind: "silent", reason: reasonOf(exit, timeoutMs) };
  }
  return { kind: "serial", serial: serial.trim() };
}

function reasonOf(exit: ConfinedExit, timeoutMs: number): string {
  if (exit.isSilent) {
    return `no answer within ${timeoutMs / 1_000} s`;
  }
  return exit.code === 0
    ? "the device tells no unit serial number"
    : iscsiReason(exit.stderr);
}

/** Why libiscsi failed, from what a program of it printed. */
export function iscsiReason(stderr: string): string {
  const line = stderr.trim().split("\n").at(-1) ?? "";
  if (line.includes("Can not reconnect")) {
    return "cannot be reached";
  }
  return line
    .replace(/^.*Failed to connect to LUN : |^Login Failed\. /, "")
    .slice(0, 200);
}
