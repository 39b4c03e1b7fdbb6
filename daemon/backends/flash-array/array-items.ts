import { z } from "zod";

// Real arrays send null for every field that is unset, and leave out what their version does not know.
const count = z
  .number()
  .nullish()
  .transform((value) => value ?? null);
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? null);
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false);
const reference = z
  .object({ id: text, name: text })
  .nullish()
  .transform((value) => value ?? { id: null, name: null });

/** What we read of a volume. Sizes are bytes, times milliseconds; `serial` is 24 upper-case hex digits. */
export const volumeItem = z.object({
  id: z.string(),
  name: z.string(),
  serial: z.string(),
  created: count,
  destroyed: flag,
  time_remaining: count,
  provisioned: z.number(),
  connection_count: count,
  source: reference,
  subtype: text,
});

/** A volume as the array tells it. */
export type VolumeItem = z.infer<typeof volumeItem>;

/** A tag of a volume. */
export const tagItem = z.object({
  key: z.string(),
  value: z.string(),
  resource: reference,
});

/** One tag as the array tells it. */
export type TagItem = z.infer<typeof tagItem>;

/** An array, as `GET arrays` tells it. */
export const arrayItem = z.object({ id: z.string(), name: text });

/** Space of a whole array: `total_used` exists from 2.26, Evergreen//One tells only `used_provisioned`. */
export const arraySpaceItem = z.object({
  capacity: count,
  space: z
    .object({
      total_used: count,
      total_physical: count,
      used_provisioned: count,
    })
    .nullish()
    .transform(
      (space) =>
        space?.total_used ??
        space?.total_physical ??
        space?.used_provisioned ??
        null,
    ),
});

/** A pod: only a promoted one takes writes. */
export const podItem = z.object({
  name: z.string(),
  destroyed: flag,
  promotion_status: text,
});

/** A volume group. */
export const volumeGroupItem = z.object({ name: z.string(), destroyed: flag });

/** For answers whose items nobody reads. */
export const anyItem = z.unknown();
