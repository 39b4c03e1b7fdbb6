import { wholeNumber, yesOrNo } from "./units.ts";

/** Cinder's three settings of a cache, as they stand in `cache` and, where they differ, in a backend. */
export const cacheShape = {
  image_volume_cache_enabled: yesOrNo(),
  image_volume_cache_max_size_gb: wholeNumber(0, 1024 ** 2),
  image_volume_cache_max_count: wholeNumber(0, 1_000_000),
};

/** {@link cacheShape}, each of which may be left out. */
export const ownCacheShape = {
  image_volume_cache_enabled: cacheShape.image_volume_cache_enabled.optional(),
  image_volume_cache_max_size_gb:
    cacheShape.image_volume_cache_max_size_gb.optional(),
  image_volume_cache_max_count:
    cacheShape.image_volume_cache_max_count.optional(),
};
