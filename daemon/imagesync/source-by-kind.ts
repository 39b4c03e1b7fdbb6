import type { Access } from "../access.ts";
import type { Options } from "../backends/volume-backend.ts";
import { RequestError } from "../errors.ts";
import type { ImageMeta, ImageReference } from "../image.ts";
import type { ImageSource, ImageStream } from "./image-source.ts";

/** A source for each kind of reference; null where none is configured. */
export type SourcesByKind = Readonly<
  Record<ImageReference["kind"], ImageSource | null>
>;

/** Passes each image on to the source that knows its kind. */
export class SourceByKind implements ImageSource {
  readonly #sources: SourcesByKind;

  constructor(sources: SourcesByKind) {
    this.#sources = sources;
  }

  async describe(
    reference: ImageReference,
    access: Access,
    options: Options,
  ): Promise<ImageMeta> {
    return await this.#sourceOf(reference).describe(reference, access, options);
  }

  async open(
    image: ImageMeta,
    access: Access,
    options: Options,
  ): Promise<ImageStream> {
    return await this.#sourceOf(image.reference).open(image, access, options);
  }

  #sourceOf({ kind }: ImageReference): ImageSource {
    const source = this.#sources[kind];
    if (source === null) {
      throw new RequestError(
        "SOURCE_NOT_CONFIGURED",
        kind === "glance"
          ? "this daemon has no image service; set images.glanceUrl"
          : "this daemon reads no URLs; set images.allowedUrls",
      );
    }
    return source;
  }
}
