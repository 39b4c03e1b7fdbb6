import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { open, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { errorCode } from "./file-error.ts";

const sealSchema = z.object({
  volumeId: z.string(),
  entryKey: z.string(),
  content: z.string(),
  imageId: z.string(),
  virtualSizeBytes: z.number(),
  checksum: z.string().nullable(),
  sealedAtMs: z.number(),
});

const sidecarSchema = z.object({
  format: z.literal(1),
  volumeId: z.string().nullable(),
  /** The name it was made under; tells a rename that was repeated from one that lost. */
  madeAs: z.string(),
  createdAtMs: z.number(),
  seal: sealSchema.nullable(),
});

/** What is known of a volume besides its bytes. That it exists is the mark that the volume is ours. */
export type Sidecar = z.infer<typeof sidecarSchema>;

/** Reads a sidecar: null when there is none, "unreadable" when a power loss or somebody has damaged it. */
export async function readSidecar(
  file: string,
): Promise<Sidecar | "unreadable" | null> {
  try {
    const flag = constants.O_RDONLY | constants.O_NOFOLLOW;
    const text = await readFile(file, { encoding: "utf8", flag });
    const parsed: unknown = JSON.parse(text);
    return sidecarSchema.parse(parsed);
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      return null;
    }
    if (error instanceof SyntaxError || error instanceof z.ZodError) {
      return "unreadable";
    }
    throw error;
  }
}

/** Writes a sidecar where there is none; false when there is one. Its existence counts, so it is not flushed. */
export async function addSidecar(
  file: string,
  sidecar: Sidecar,
): Promise<boolean> {
  try {
    await writeFile(file, JSON.stringify(sidecar), { flag: "wx" });
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") {
      return false;
    }
    throw error;
  }
}

/** Replaces a sidecar in one step, its bytes flushed before; the caller makes the name durable. */
export async function replaceSidecar(
  file: string,
  sidecar: Sidecar,
): Promise<void> {
  const folder = path.dirname(file);
  const fresh = path.join(folder, `.new-${randomBytes(8).toString("hex")}`);
  try {
    await using handle = await open(fresh, "wx");
    await handle.writeFile(JSON.stringify(sidecar));
    await handle.sync();
    await rename(fresh, file);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}
