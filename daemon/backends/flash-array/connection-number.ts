import { BackendError } from "../../errors.ts";
import type { ConnectionItem } from "./host-items.ts";

/** The LUN of a connection. That of a namespace is told to nobody: hosts find it by its NGUID. */
export function lunOf({ host, volume, lun }: ConnectionItem): number {
  if (lun === null || lun === 0) {
    throw new BackendError(
      "CONNECTION_NUMBER",
      `the array connected ${volume} to ${host}, but tells no LUN; the host may be one of another protocol: look at it on the array`,
      { retry: "never" },
    );
  }
  return lun;
}
