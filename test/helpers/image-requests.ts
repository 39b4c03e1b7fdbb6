import type { Access } from "../../daemon/access.ts";
import type { ImageMeta } from "../../daemon/image.ts";

/** Options of a call that nobody aborts. */
export const unhurried = { signal: new AbortController().signal };

/** Who asks, with the parts that a test cares about. */
export function accessOf(parts: Partial<Access> = {}): Access {
  return {
    projectId: "project-a",
    userId: "user-a",
    roles: [],
    isAdmin: false,
    requestId: null,
    authToken: null,
    ...parts,
  };
}

/** An image of Glance, active and raw unless `parts` say otherwise. */
export function imageOf(parts: Partial<ImageMeta> = {}): ImageMeta {
  const imageId = "11111111-2222-4333-8444-555555555555";
  return {
    reference: { kind: "glance", imageId },
    imageId,
    name: null,
    status: "active",
    sizeBytes: null,
    virtualSizeBytes: null,
    minDiskGb: 0,
    diskFormat: "raw",
    containerFormat: "bare",
    checksums: [],
    etag: null,
    updatedAt: null,
    ...parts,
  };
}
