import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DaemonError } from "./errors.ts";
import { findIscsiTools } from "./imagesync/find-iscsi-tools.ts";
import { findQemuImg } from "./imagesync/find-qemu-img.ts";
import { GlanceSource } from "./imagesync/glance/glance-source.ts";
import type { ImageCopier } from "./imagesync/image-copier.ts";
import type { ImageSource } from "./imagesync/image-source.ts";
import { LunWriter } from "./imagesync/lun-writer.ts";
import { QemuImg } from "./imagesync/qemu-img.ts";
import { cleanScratch } from "./imagesync/scratch.ts";
import { SourceByKind } from "./imagesync/source-by-kind.ts";
import {
  StreamCopier,
  type StreamCopierOptions,
} from "./imagesync/stream-copier.ts";
import { WebSource } from "./imagesync/web/web-source.ts";
import type { Logger } from "./logger.ts";
import type { Settings } from "./settings.ts";

/** What {@link composeImages} makes. */
export interface ImageParts {
  readonly source: ImageSource;
  readonly copier: ImageCopier;
  /** Removes what an earlier life of this node left; only once no other daemon can have its name. */
  readonly cleanScratch: () => Promise<void>;
}

/** The image sources and the copier, as the settings say. */
export async function composeImages(
  settings: Settings,
  stack: AsyncDisposableStack,
  logger: Logger,
): Promise<ImageParts> {
  const { images } = settings;
  const http = {
    limits: {
      stallMs: images.stallTimeout,
      minRate: images.minRate,
      totalMs: images.downloadDeadline,
    },
    ...(images.caFile === null
      ? {}
      : { ca: await readFile(images.caFile, "utf8") }),
  };
  const source = new SourceByKind({
    glance:
      images.glanceUrl === ""
        ? null
        : stack.use(new GlanceSource({ endpoint: images.glanceUrl, ...http })),
    url:
      images.allowedUrls.length === 0
        ? null
        : stack.use(
            new WebSource({ allowedUrls: images.allowedUrls, ...http }),
          ),
  });
  const scratchDir = await makeScratch(settings);
  const copier = new StreamCopier({
    source,
    ...(await openWriters(settings, scratchDir)),
    scratchDir,
    policy: { checksums: images.checksumPolicy, allowMd5: images.allowMd5 },
    maxVirtualSizeBytes: images.maxVirtualSize,
  });
  return {
    source,
    copier,
    cleanScratch: async () => {
      const removed = await cleanScratch(scratchDir);
      if (removed > 0) {
        logger.info("left-over scratch files removed", { scratchDir, removed });
      }
    },
  };
}

/** LUNs are written only where a backend has some: their tools need not be installed elsewhere. */
async function openWriters(
  { backends }: Settings,
  scratchDir: string,
): Promise<Pick<StreamCopierOptions, "qemuImg" | "lunWriter">> {
  const tools = await findQemuImg();
  const qemuImg = new QemuImg(tools);
  if (backends.every(({ driver }) => driver === "file")) {
    return { qemuImg };
  }
  const iscsi = await findIscsiTools(tools);
  const lunWriter = new LunWriter({ ...tools, ...iscsi, qemuImg, scratchDir });
  return { qemuImg, lunWriter };
}

/** A folder of this node's own. */
async function makeScratch(settings: Settings): Promise<string> {
  const dir = join(settings.images.scratchDir, settings.nodeName);
  await mkdir(dir, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw new DaemonError(
      `SCRATCH_UNUSABLE: cannot make the scratch folder ${dir}; set images.scratchDir to a folder that ivcd may write`,
      { code: "SCRATCH_UNUSABLE", retry: "never", cause: error },
    );
  });
  return dir;
}
