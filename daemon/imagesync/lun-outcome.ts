import type { IscsiTarget } from "../backends/volume-backend.ts";
import { isUnflushed, lunFailure } from "./qemu-img-failure.ts";
import { iscsiReason } from "./read-unit-serial.ts";
import type { ConfinedExit } from "./run-confined.ts";

/** A path to a LUN that was of no use. */
export interface LostPath {
  readonly kind: "lost";
  /** Never reached; nothing was taken for too long; it was interrupted, so another device may be behind it now. */
  readonly how: "unreachable" | "stalled" | "interrupted";
  readonly reason: string;
}

/** How a conversion into a LUN ended. */
export type LunOutcome = { readonly kind: "written" } | LostPath;

/** How long a LUN may be silent: while it is written, and when qemu-img has read all and waits for the last writes and the flush. */
export interface LunPatience {
  readonly stallMs: number;
  readonly flushMs: number;
}

/** Lets libiscsi tell on stderr when it connects again, which it does by itself and for ever; no option forbids it. */
export const tellReconnects = { LIBISCSI_DEBUG: "2" } as const;

/** What libiscsi tells then. */
export const libiscsiLine = /^libiscsi:\d/;

/**
 * A line of stderr after which the device behind a LUN may be another one: a new session, or a unit attention that qemu
 * saw. Not the one with 3F0Eh: it comes whenever another volume is connected to the same host.
 */
export const interruption =
  /^libiscsi:\d reconnect initiated|iSCSI (?:CheckCondition:|[A-Z0-9_/]+ failed).*(?:UNIT_ATTENTION(?!.*0x3f0e)|LOGICAL_UNIT_NOT_SUPPORTED)/;

/** Throws where the path is not to blame. */
export function lunOutcome(
  exit: ConfinedExit,
  target: IscsiTarget,
  percent: number,
  { stallMs, flushMs }: LunPatience,
): LunOutcome {
  if (exit.isSilent) {
    const reason =
      percent < 100
        ? `took nothing for ${seconds(stallMs)}: too slow or gone`
        : `did not take the rest and flush within ${seconds(flushMs)}: too slow or gone`;
    return { kind: "lost", how: "stalled", reason };
  }
  if (exit.endedBy !== null) {
    return { kind: "lost", how: "interrupted", reason: told(exit.endedBy) };
  }
  if (exit.code !== 0 && /Failed to connect to LUN/.test(exit.stderr)) {
    const reason = iscsiReason(exit.stderr);
    return { kind: "lost", how: "unreachable", reason };
  }
  if (exit.code !== 0 || isUnflushed(exit)) {
    throw lunFailure(exit, target);
  }
  return { kind: "written" };
}

function told(line: string): string {
  return line.includes("reconnect initiated")
    ? "the connection was lost on the way"
    : `the device changed on the way (${line.replace(/^.*?(?=SENSE KEY)/, "").slice(0, 100)})`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
