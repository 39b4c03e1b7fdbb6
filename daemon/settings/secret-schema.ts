import * as z from "zod";

/** A secret is never in a log: given in place, in a file, or as one of systemd's credentials. */
export const secret = z.union(
  [
    z.null(),
    z.string(),
    z.strictObject({ file: z.string() }),
    z.strictObject({ credential: z.string() }),
  ],
  { error: 'need a text, { file: "/path" } or { credential: "name" }' },
);
