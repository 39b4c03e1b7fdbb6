import * as z from "zod";
import { ownCacheShape } from "./cache-schema.ts";
import { flashArraySchema, qosKeys } from "./flash-array-schema.ts";

const fileSchema = z.strictObject({
  driver: z.literal("file"),
  root: z
    .string(
      'is missing: name the folder for volumes (IVC_FILE_ROOT for the backend "file")',
    )
    .min(
      1,
      'is empty: name the folder for volumes (IVC_FILE_ROOT for the backend "file")',
    )
    .refine(
      (path) => path === "" || path.startsWith("/"),
      "need an absolute path",
    ),
  ...ownCacheShape,
});

/** One of `backends`, told apart by its driver; null takes one of an earlier file away. */
export const backendSchema = z
  .discriminatedUnion("driver", [fileSchema, flashArraySchema], {
    error: ({ input }) =>
      typeof input === "object"
        ? 'need "file" or "flasharray"'
        : 'need { driver: "file" or "flasharray", … }, or null',
  })
  .nullable();

/** A backend that is not taken away, as the schema gives it. */
export type RawBackend = NonNullable<z.infer<typeof backendSchema>>;

/** {@link RawBackend} of a FlashArray. */
export type RawFlashArray = Extract<RawBackend, { driver: "flasharray" }>;

const keysByDriver: Readonly<Record<string, readonly string[]>> = {
  file: Object.keys(fileSchema.shape),
  flasharray: Object.keys(flashArraySchema.shape),
};

/** Keys that may stand below `backends.<name>`, or below its `qos`; also those that are left out by default. */
export function backendKeys(
  path: readonly PropertyKey[],
  driver: unknown,
): readonly string[] {
  return path[2] === "qos" ? qosKeys : (keysByDriver[String(driver)] ?? []);
}
