import type { Version } from "./version.ts";

/** The newest REST version whose description the simulator was made from. */
export const newestModelled: Version = "2.36";
