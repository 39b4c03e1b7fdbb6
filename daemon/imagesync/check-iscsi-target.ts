import type { IscsiTarget } from "../backends/volume-backend.ts";
import { BackendError } from "../errors.ts";

const iscsiName = /^(?:iqn|eui|naa)\.[A-Za-z0-9.:_-]{1,219}$/;
const portal = /^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):\d{1,5}$/;
const printable = /^[\x20-\x7e]{1,255}$/;
const maxLun = 16_383;

/** Refuses what could mean something else in a URL, in qemu's options or in an environment. */
export function checkIscsiTarget(target: IscsiTarget): void {
  const { iqn, initiatorName, portals, lun, chap, serial } = target;
  const checks: readonly (readonly [string, boolean])[] = [
    ["target name", iscsiName.test(iqn)],
    ["initiator name", iscsiName.test(initiatorName)],
    ["list of portals", portals.length > 0 && portals.every(isPortal)],
    ["number", Number.isInteger(lun) && lun >= 0 && lun <= maxLun],
    ["CHAP user", chap === null || printable.test(chap.user)],
    ["CHAP secret", chap === null || printable.test(chap.password)],
    ["serial", serial.trim() !== ""],
  ];
  const wrong = checks.find(([, isRight]) => !isRight);
  if (wrong !== undefined) {
    // The value itself may be the secret.
    throw new BackendError(
      "BACKEND_IO",
      `the ${wrong[0]} of a LUN is empty or has characters that do not belong there; check the backend's settings`,
      { retry: "never" },
    );
  }
}

function isPortal(text: string): boolean {
  return portal.test(text);
}
