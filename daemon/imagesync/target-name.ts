import type { WriteTarget } from "../backends/volume-backend.ts";

/** A target in messages: enough to find it, nothing secret. */
export function targetName(target: WriteTarget): string {
  switch (target.kind) {
    case "file":
      return target.path;
    case "iscsi":
      return `LUN ${target.lun} of ${target.iqn}`;
  }
}
