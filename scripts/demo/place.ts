import type { Fields } from "../../cli/output/fields.ts";

/** A volume, and what it must hold: these bytes, then zeros to its end. */
export interface ExpectedVolume {
  readonly id: string;
  /** What its place calls it. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly dataBytes: number;
  readonly sha256: string;
}

/** A file with all bytes of a volume, as they are read without the daemon. */
export interface VolumeBytes extends AsyncDisposable {
  readonly path: string;
}

/** Sends a request to the daemon. */
export type CallDaemon = (
  method: string,
  args: Readonly<Record<string, unknown>>,
) => Promise<unknown>;

/** Where the daemon's volumes are, and what there is to see of it without the daemon. */
export interface Place extends AsyncDisposable {
  /** Name of the daemon's backend. */
  readonly backend: string;
  /** What is said of it at the start. */
  readonly introduction: readonly string[];
  /** The daemon's variables that belong to it; undefined: must not be set. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True where clones share blocks instead of copying them. */
  readonly hasCheapClones: boolean;
  /** True where an evicted image-volume can come back. */
  readonly keepsEvicted: boolean;
  /** How volumes are read at the end. */
  readonly reading: string;
  /** What is claimed of a deleted volume. */
  readonly goneClaim: string;
  /** What a volume is called here, from the answer that the daemon gave. */
  nameOf(answer: Fields): string;
  /** The file in which the volume's bytes lie. */
  fileOf(name: string): string;
  /** Makes the bytes of a volume readable for as long as it is wanted. */
  open(
    volume: ExpectedVolume,
    call: CallDaemon,
    signal: AbortSignal,
  ): Promise<VolumeBytes>;
  /** What is left of a deleted volume; null: nothing is. */
  leftOf(name: string): Promise<string | null>;
  /** Things on it that should not be there at the end; null where it cannot tell. */
  litter(): readonly string[] | null;
  /** How to look at it by hand; "": there is nothing to say. */
  byHand(anyVolumeId: string): string;
}
