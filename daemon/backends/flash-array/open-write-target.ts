import type { Logger } from "../../logger.ts";
import type { IscsiTarget, Options } from "../volume-backend.ts";
import { lunOf } from "./connection-number.ts";
import type { HostAccess } from "./host-access.ts";
import type { WantedHost } from "./host-records.ts";
import type { IscsiPortal } from "./target-ports.ts";

const closeMs = 60_000;
const undoMs = 15_000;

/** A volume that hosts are to reach. */
export interface ReachableVolume {
  readonly physicalName: string;
  readonly serial: string;
}

/** A volume that an image is to be written to. */
export interface WritableVolume extends ReachableVolume {
  readonly sizeBytes: number;
}

/** What a target is made of besides its volume. */
export interface WriteTargetParts {
  readonly access: HostAccess;
  readonly portals: readonly [IscsiPortal, ...IscsiPortal[]];
  readonly wanted: WantedHost;
  readonly logger: Logger;
  /** Takes the volume away from whoever writes it. */
  readonly undo: () => Promise<void>;
}

/** Lets this daemon's host see the volume until the target is disposed of. What fails half-way is undone. */
export async function openWriteTarget(
  { access, portals, wanted, logger, undo }: WriteTargetParts,
  { physicalName, serial, sizeBytes }: WritableVolume,
  options: Options,
): Promise<IscsiTarget> {
  const [{ iqn }] = portals;
  try {
    const { hostName, connection } = await access.connect(
      wanted,
      physicalName,
      options,
    );
    return {
      kind: "iscsi",
      portals: portals
        .filter((portal) => portal.iqn === iqn)
        .map(({ portal }) => portal),
      iqn,
      lun: lunOf(connection),
      initiatorName: wanted.initiator.names[0],
      chap: chapOf(hostName, wanted),
      serial,
      sizeBytes,
      [Symbol.asyncDispose]: async () =>
        await access.disconnect(hostName, physicalName, {
          signal: AbortSignal.timeout(closeMs),
        }),
    };
  } catch (error) {
    try {
      await undo();
    } catch (undoError) {
      // It goes with the volume's deletion at the latest.
      logger.warn("volume may still be connected for writing", {
        volume: physicalName,
        error: undoError,
      });
    }
    throw error;
  }
}

/** Options of what is undone after a failure: its caller may be gone, but waits. */
export function undoOptions(): Options {
  return { signal: AbortSignal.timeout(undoMs) };
}

/** The CHAP account of a host as {@link WantedHost} wants it. */
export function chapOf(
  hostName: string,
  { chapPassword }: WantedHost,
): { readonly user: string; readonly password: string } | null {
  return chapPassword === null
    ? null
    : { user: hostName, password: chapPassword };
}
