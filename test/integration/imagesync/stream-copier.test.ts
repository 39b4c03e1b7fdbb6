import { createHash } from "node:crypto";
import { readFile, stat, truncate, writeFile } from "node:fs/promises";
import { describe, expect, it } from "@jest/globals";
import { ImageSourceError } from "../../../daemon/errors.ts";
import type { ImageMeta } from "../../../daemon/image.ts";
import { findQemuImg } from "../../../daemon/imagesync/find-qemu-img.ts";
import type { CopyResult } from "../../../daemon/imagesync/image-copier.ts";
import type { ImageSource } from "../../../daemon/imagesync/image-source.ts";
import { QemuImg } from "../../../daemon/imagesync/qemu-img.ts";
import {
  StreamCopier,
  type StreamCopierOptions,
} from "../../../daemon/imagesync/stream-copier.ts";
import type { Progress } from "../../../daemon/volume.ts";
import {
  childrenOfThisProcess,
  type CopyBench,
  diskBytes,
  hashOf,
  makeCopyBench,
  qemuImg,
} from "../../helpers/copy-bench.ts";
import { accessOf, imageOf, unhurried } from "../../helpers/image-requests.ts";
import { qcow2Header } from "../../helpers/qcow2-header.ts";
import {
  scriptedSource,
  type ScriptedDownload,
} from "../../helpers/scripted-source.ts";

const disk = diskBytes();
const cut = new ImageSourceError("SOURCE_CUT", "the test cut it");

async function copierOf(
  source: ImageSource,
  bench: CopyBench,
  parts: Partial<StreamCopierOptions> = {},
): Promise<StreamCopier> {
  return new StreamCopier({
    source,
    qemuImg: new QemuImg(await findQemuImg()),
    scratchDir: bench.scratchDir,
    policy: { checksums: "prefer", allowMd5: true },
    retryDelayMs: 5,
    ...parts,
  });
}

function sha256Of(bytes: Uint8Array): ImageMeta["checksums"] {
  const value = createHash("sha256").update(bytes).digest("hex");
  return [{ algorithm: "sha256", value }];
}

/** Pieces of uneven sizes, as a network gives them. */
function pieces(bytes: Uint8Array): Uint8Array[] {
  const sizes = [1, 100, 65_536, 3_000_000, 17, 1_048_576];
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = sizes[parts.length % sizes.length]!;
    parts.push(bytes.subarray(at, at + size));
    at += size;
  }
  return parts;
}

function whole(bytes: Uint8Array): ScriptedDownload {
  return { chunks: pieces(bytes), lengthBytes: bytes.length };
}

interface Copied {
  readonly result: CopyResult;
  readonly progress: readonly Progress[];
  readonly path: string;
  readonly virtualSizeBytes: number;
}

async function copy(
  copier: StreamCopier,
  image: ImageMeta,
  bench: CopyBench,
  targetBytes?: number,
): Promise<Copied> {
  await using opened = await copier.open(image, accessOf(), unhurried);
  const target = await bench.target(targetBytes ?? opened.virtualSizeBytes);
  const progress: Progress[] = [];
  const result = await opened.copyTo(
    target,
    (step) => progress.push(step),
    unhurried,
  );
  const { virtualSizeBytes } = opened;
  return { result, progress, path: target.path, virtualSizeBytes };
}

describe("StreamCopier of a raw image", () => {
  it("writes every byte, verifies, and leaves the zeroes out", async () => {
    await using bench = await makeCopyBench();
    const copier = await copierOf(scriptedSource(whole(disk)), bench);
    const [sum] = sha256Of(disk);
    const image = imageOf({ sizeBytes: disk.length, checksums: [sum!] });
    const { result, progress, path, virtualSizeBytes } = await copy(
      copier,
      image,
      bench,
    );
    expect(virtualSizeBytes).toBe(Math.ceil(disk.length / 512) * 512);
    const written = await readFile(path);
    expect(written.subarray(0, disk.length).equals(disk)).toBe(true);
    expect((await stat(path)).blocks * 512).toBeLessThan(6 * 1024 * 1024);
    expect(result).toMatchObject({
      bytesDownloaded: disk.length,
      checksum: `sha256:${sum!.value}`,
      convertMs: 0,
    });
    expect(progress.at(-1)).toMatchObject({
      phase: "download",
      bytesDone: disk.length,
      bytesTotal: disk.length,
    });
    expect(await bench.scratch()).toEqual([]);
  });

  it("takes its size from the response when the record has none", async () => {
    await using bench = await makeCopyBench();
    const copier = await copierOf(scriptedSource(whole(disk)), bench);
    const { result } = await copy(copier, imageOf(), bench);
    expect(result).toMatchObject({
      bytesDownloaded: disk.length,
      checksum: null,
    });
    const unsized = scriptedSource({ chunks: [disk] });
    await expect(
      (await copierOf(unsized, bench)).open(imageOf(), accessOf(), unhurried),
    ).rejects.toThrow("IMAGE_SIZE_UNKNOWN");
  });

  it("begins again when the source cuts it, and removes what an earlier try wrote", async () => {
    await using bench = await makeCopyBench();
    const garbage = Buffer.alloc(disk.length / 2, 0xaa);
    disk.copy(garbage, 0, 0, 600);
    const source = scriptedSource(
      { chunks: [garbage], error: cut },
      { chunks: [disk.subarray(0, 9_000_000)], error: cut },
      whole(disk),
    );
    const copier = await copierOf(source, bench);
    const image = imageOf({
      sizeBytes: disk.length,
      checksums: sha256Of(disk),
    });
    const { result, path } = await copy(copier, image, bench);
    const written = await readFile(path);
    expect(written.subarray(0, disk.length).equals(disk)).toBe(true);
    expect(source.opened()).toBe(3);
    expect(result.bytesDownloaded).toBeGreaterThan(disk.length);
  });

  it("gives up after its retries", async () => {
    await using bench = await makeCopyBench();
    const source = scriptedSource({
      chunks: [disk.subarray(0, 3_000_000)],
      error: cut,
    });
    const copier = await copierOf(source, bench, { retries: 1 });
    const image = imageOf({ sizeBytes: disk.length });
    await expect(copy(copier, image, bench)).rejects.toBe(cut);
    expect(source.opened()).toBe(2);
  });

  it.each([
    ["IMAGE_TRUNCATED", disk.subarray(0, -1)],
    ["IMAGE_TOO_LONG", Buffer.concat([disk, Buffer.from("x")])],
    ["IMAGE_CORRUPT", Buffer.concat([disk.subarray(0, -1), Buffer.from("!")])],
  ])("refuses with %s", async (code, bytes) => {
    await using bench = await makeCopyBench();
    const source = scriptedSource({ chunks: [bytes] });
    const copier = await copierOf(source, bench, { retries: 0 });
    const image = imageOf({
      sizeBytes: disk.length,
      checksums: sha256Of(disk),
    });
    await expect(copy(copier, image, bench)).rejects.toMatchObject({ code });
  });

  it("compares the announced length before it reads", async () => {
    await using bench = await makeCopyBench();
    const copier = await copierOf(scriptedSource(whole(disk)), bench);
    for (const [sizeBytes, code] of [
      [disk.length + 1, "IMAGE_TRUNCATED"],
      [disk.length - 1, "IMAGE_TOO_LONG"],
    ] as const) {
      await expect(
        copier.open(imageOf({ sizeBytes }), accessOf(), unhurried),
      ).rejects.toMatchObject({ code });
    }
  });

  it("does not make a target that has vanished", async () => {
    await using bench = await makeCopyBench();
    const copier = await copierOf(scriptedSource(whole(disk)), bench);
    await using opened = await copier.open(imageOf(), accessOf(), unhurried);
    const target = { ...(await bench.target(opened.virtualSizeBytes)) };
    const gone = { ...target, path: bench.path("gone") };
    await expect(
      opened.copyTo(gone, () => {}, unhurried),
    ).rejects.toMatchObject({ code: "BACKEND_IO" });
    await expect(stat(gone.path)).rejects.toThrow("ENOENT");
  });

  it("stops at once when it is aborted", async () => {
    await using bench = await makeCopyBench();
    const abort = new AbortController();
    const copier = await copierOf(scriptedSource(whole(disk)), bench);
    await using opened = await copier.open(imageOf(), accessOf(), unhurried);
    const target = await bench.target(opened.virtualSizeBytes);
    const copying = opened.copyTo(
      target,
      () => {
        abort.abort(new Error("enough"));
      },
      abort,
    );
    await expect(copying).rejects.toThrow("enough");
  });
});

describe("StreamCopier of a qcow2", () => {
  it.each([
    ["plain", []],
    ["zlib", ["-c"]],
    ["zstd", ["-c", "-o", "compression_type=zstd"]],
    ["version 2", ["-o", "compat=0.10"]],
    [
      "clusters of 2 MiB, extended L2",
      ["-o", "cluster_size=2M,extended_l2=on"],
    ],
    ["clusters of 512 bytes", ["-o", "cluster_size=512"]],
  ])("writes what qemu-img itself would: %s", async (_, flags) => {
    await using bench = await makeCopyBench();
    await writeFile(bench.path("raw"), disk);
    const image = bench.path("image");
    await qemuImg(
      ..."convert -f raw -O qcow2".split(" "),
      ...flags,
      bench.path("raw"),
      image,
    );
    await qemuImg(
      "convert",
      "-f",
      "qcow2",
      "-O",
      "raw",
      image,
      bench.path("o"),
    );
    const bytes = await readFile(image);
    // As large as a backend would make it, so that direct I/O is used.
    const targetBytes = 32 * 1024 * 1024;
    const copier = await copierOf(scriptedSource(whole(bytes)), bench);
    const { path, progress, result, virtualSizeBytes } = await copy(
      copier,
      imageOf({
        diskFormat: "qcow2",
        sizeBytes: bytes.length,
        checksums: sha256Of(bytes),
      }),
      bench,
      targetBytes,
    );
    await truncate(bench.path("o"), targetBytes);
    expect(await hashOf(path)).toBe(await hashOf(bench.path("o")));
    expect((await stat(path)).blocks * 512).toBeLessThan(8 * 1024 * 1024);
    expect(result.bytesDownloaded).toBe(bytes.length);
    expect(new Set(progress.map(({ phase }) => phase))).toEqual(
      new Set(["download", "verify", "convert"]),
    );
    expect(progress.at(-1)).toMatchObject({
      phase: "convert",
      bytesDone: virtualSizeBytes,
    });
    expect(await bench.scratch()).toEqual([]);
  });

  it("never starts qemu-img on a hostile or a wrong one", async () => {
    await using bench = await makeCopyBench();
    const canary = bench.path("canary");
    await writeFile(canary, Buffer.alloc(1024 * 1024, "canary"));
    const [backed, external] = [bench.path("backed"), bench.path("external")];
    await qemuImg(..."create -q -f qcow2 -F raw -b".split(" "), canary, backed);
    await qemuImg(
      ..."create -q -f qcow2 -o".split(" "),
      `data_file=${bench.path("data")},data_file_raw=on`,
      external,
      "1M",
    );
    const cases: readonly (readonly [Buffer, string])[] = [
      [await readFile(backed), "IMAGE_UNSAFE"],
      [await readFile(external), "IMAGE_UNSAFE"],
      [qcow2Header({ incompatible: 1n << 40n }), "IMAGE_UNSAFE"],
      [qcow2Header({ size: 60n << 40n }), "IMAGE_TOO_BIG"],
      [qcow2Header().subarray(0, 300), "IMAGE_TRUNCATED"],
      [Buffer.from("<html>no</html>"), "IMAGE_CORRUPT"],
    ];
    const never = new QemuImg({
      qemuImg: "/nonexistent",
      setpriv: "/nonexistent",
      prlimit: "/nonexistent",
    });
    for (const [bytes, code] of cases) {
      const source = scriptedSource(whole(bytes));
      const copier = await copierOf(source, bench, { qemuImg: never });
      const image = imageOf({ diskFormat: "qcow2", sizeBytes: bytes.length });
      await expect(
        copier.open(image, accessOf(), unhurried),
      ).rejects.toMatchObject({ code });
    }
    expect(await bench.scratch()).toEqual([]);
  });

  it("refuses one whose own tables are broken", async () => {
    await using bench = await makeCopyBench();
    await writeFile(bench.path("raw"), disk);
    const image = bench.path("image");
    await qemuImg(
      ..."convert -f raw -O qcow2".split(" "),
      bench.path("raw"),
      image,
    );
    const bytes = (await readFile(image)).subarray(0, 1024 * 1024 * 3);
    const copier = await copierOf(scriptedSource(whole(bytes)), bench);
    await expect(
      copy(
        copier,
        imageOf({ diskFormat: "qcow2", sizeBytes: bytes.length }),
        bench,
      ),
    ).rejects.toMatchObject({ code: "IMAGE_CORRUPT" });
    expect(await bench.scratch()).toEqual([]);
  });

  it.each(["download", "verify", "convert"] as const)(
    "leaves no process and no scratch when aborted in %s",
    async (phase) => {
      await using bench = await makeCopyBench();
      await writeFile(bench.path("raw"), disk);
      const image = bench.path("image");
      await qemuImg(
        ..."convert -f raw -O qcow2 -c".split(" "),
        bench.path("raw"),
        image,
      );
      const bytes = await readFile(image);
      const copier = await copierOf(scriptedSource(whole(bytes)), bench);
      const abort = new AbortController();
      await using opened = await copier.open(
        imageOf({ diskFormat: "qcow2", sizeBytes: bytes.length }),
        accessOf(),
        unhurried,
      );
      const target = await bench.target(opened.virtualSizeBytes);
      const copying = opened.copyTo(
        target,
        (progress) => {
          if (progress.phase === phase) {
            setImmediate(() => {
              abort.abort(new Error("enough"));
            });
          }
        },
        abort,
      );
      await expect(copying).rejects.toThrow("enough");
      expect(await bench.scratch()).toEqual([]);
      const children = await childrenOfThisProcess();
      expect(children.filter((line) => line.includes("qemu-img"))).toEqual([]);
    },
  );
});
