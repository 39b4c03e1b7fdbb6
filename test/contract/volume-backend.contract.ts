import { createHash, randomBytes, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type {
  BackendVolume,
  NewVolume,
  OwnedVolume,
  Seal,
  VolumeBackend,
} from "../../daemon/backends/volume-backend.ts";
import { CancelledError } from "../../daemon/errors.ts";

/** A backend to be tried, and what belongs to it. */
export interface BackendUnderTest extends AsyncDisposable {
  readonly backend: VolumeBackend;
}

const mib = 1024 ** 2;
const options = { signal: new AbortController().signal };
const newAttempt = () => randomBytes(5).toString("hex");

/** Small operations on a backend, for tests. */
class Bench {
  readonly backend: VolumeBackend;

  constructor(backend: VolumeBackend) {
    this.backend = backend;
  }

  userVolume(volumeId: string = randomUUID()): NewVolume {
    const name = this.backend.nameFor({ kind: "volume", volumeId });
    return { name, sizeBytes: 4 * mib, volumeId, role: "volume" };
  }

  attemptOf(volume: NewVolume): NewVolume {
    const attempt = newAttempt();
    return {
      ...volume,
      name: this.backend.nameFor({ kind: "attempt", attempt }),
    };
  }

  imageVolume(): NewVolume & { readonly entryKey: string } {
    const entryKey = randomBytes(16).toString("hex");
    return {
      entryKey,
      name: this.backend.nameFor({
        kind: "image-volume",
        entryKey,
        attempt: newAttempt(),
      }),
      sizeBytes: 4 * mib,
      volumeId: randomUUID(),
      role: "image-volume",
    };
  }

  async write(volume: BackendVolume, bytes: Buffer, at: number) {
    await using target = await this.backend.openTarget(volume, options);
    await using handle = await open(target.path, "r+");
    await handle.write(bytes, 0, bytes.length, at);
  }

  async sha256(volume: BackendVolume): Promise<string> {
    await using target = await this.backend.openTarget(volume, options);
    const hash = createHash("sha256");
    await pipeline(createReadStream(target.path), hash);
    return hash.digest("hex");
  }

  async sealed(): Promise<BackendVolume & { readonly seal: Seal }> {
    const wanted = this.imageVolume();
    const made = await this.backend.createVolume(wanted, options);
    await this.write(made, randomBytes(mib), mib / 2);
    const seal = {
      volumeId: wanted.volumeId,
      entryKey: wanted.entryKey,
      content: `sha256:${"0".repeat(64)}/raw`,
      imageId: randomUUID(),
      virtualSizeBytes: wanted.sizeBytes,
      checksum: null,
      sealedAtMs: Date.now(),
    };
    await this.backend.seal(made, seal, options);
    return { ...made, seal };
  }

  /** As a create does it: under an attempt's name where a clone takes more than one step. */
  async cloneOf(
    from: BackendVolume,
    volume: NewVolume,
  ): Promise<BackendVolume> {
    if (this.backend.capabilities.atomicClone) {
      return await this.backend.cloneVolume(from, volume, options);
    }
    const attempt = this.attemptOf(volume);
    const clone = await this.backend.cloneVolume(from, attempt, options);
    return await this.backend.renameVolume(clone, volume.name, options);
  }

  async names(): Promise<Map<string, OwnedVolume>> {
    const found = new Map<string, OwnedVolume>();
    for await (const volume of this.backend.list(options)) {
      found.set(volume.providerId, volume);
    }
    return found;
  }
}

/** What every backend promises, tried on the one that `start` gives. */
export function volumeBackendContract(
  title: string,
  start: () => Promise<BackendUnderTest>,
): void {
  describe(`volume backend contract: ${title}`, () => {
    let held: BackendUnderTest;
    let bench: Bench;
    beforeAll(async () => {
      held = await start();
      bench = new Bench(held.backend);
    }, 120_000);
    afterAll(async () => {
      await held[Symbol.asyncDispose]();
    });

    describe("identity", () => {
      it("stays the same", async () => {
        const first = await bench.backend.identity(options);
        expect(first).not.toBe("");
        await expect(bench.backend.identity(options)).resolves.toBe(first);
      });
    });

    describe("createVolume", () => {
      it("makes a volume of zeroes, of at least the wanted size", async () => {
        const wanted = { ...bench.imageVolume(), sizeBytes: 3 * mib + 1 };
        const made = await bench.backend.createVolume(wanted, options);
        expect(made.sizeBytes).toBeGreaterThanOrEqual(3 * mib + 1);
        await expect(bench.sha256(made)).resolves.toBe(
          createHash("sha256")
            .update(Buffer.alloc(made.sizeBytes))
            .digest("hex"),
        );
      });

      it("adopts and empties what the same attempt has left", async () => {
        const wanted = bench.imageVolume();
        const made = await bench.backend.createVolume(wanted, options);
        const empty = await bench.sha256(made);
        await bench.write(made, randomBytes(1000), 0);
        await bench.backend.createVolume(wanted, options);
        await expect(bench.sha256(made)).resolves.toBe(empty);
      });

      it("leaves alone another volume under that name", async () => {
        const wanted = bench.userVolume();
        const { providerId } = await bench.cloneOf(
          await bench.sealed(),
          wanted,
        );
        const other = { ...wanted, volumeId: randomUUID() };
        await expect(
          bench.backend.createVolume(other, options),
        ).rejects.toMatchObject({ code: "VOLUME_EXISTS" });
        expect(providerId).toBe(wanted.name);
      });
    });

    describe("seal", () => {
      it("is told by find and list", async () => {
        const { providerId, seal } = await bench.sealed();
        const expected = {
          role: "image-volume",
          volumeId: seal.volumeId,
          seal,
        };
        await expect(
          bench.backend.find(providerId, options),
        ).resolves.toMatchObject(expected);
        expect((await bench.names()).get(providerId)).toMatchObject(expected);
      });

      it("does not outlive the bytes it was for", async () => {
        const { providerId, seal } = await bench.sealed();
        await bench.backend.createVolume(
          {
            name: providerId,
            sizeBytes: 4 * mib,
            volumeId: seal.volumeId,
            role: "image-volume",
          },
          options,
        );
        await expect(
          bench.backend.find(providerId, options),
        ).resolves.toMatchObject({ seal: null });
      });
    });

    describe("cloneVolume", () => {
      it("gives the bytes and the size of the image-volume", async () => {
        const from = await bench.sealed();
        const wanted = bench.userVolume();
        const clone = await bench.cloneOf(from, wanted);
        expect(clone).toEqual({
          providerId: wanted.name,
          sizeBytes: from.sizeBytes,
        });
        await expect(bench.sha256(clone)).resolves.toBe(
          await bench.sha256(from),
        );
      });

      it("gives a volume of its own: writing to it leaves the image-volume as it was", async () => {
        const from = await bench.sealed();
        const before = await bench.sha256(from);
        const clone = await bench.cloneOf(from, bench.userVolume());
        await bench.write(clone, randomBytes(4096), mib);
        await expect(bench.sha256(from)).resolves.toBe(before);
        await expect(bench.sha256(clone)).resolves.not.toBe(before);
      });

      it("makes ten at once", async () => {
        const from = await bench.sealed();
        const clones = await Promise.all(
          Array.from(
            { length: 10 },
            async () => await bench.cloneOf(from, bench.userVolume()),
          ),
        );
        const sums = await Promise.all(
          clones.map(async (clone) => await bench.sha256(clone)),
        );
        expect(new Set(sums)).toEqual(new Set([await bench.sha256(from)]));
      });

      it("refuses an image-volume that is not sealed", async () => {
        const from = await bench.backend.createVolume(
          bench.imageVolume(),
          options,
        );
        await expect(
          bench.cloneOf(from, bench.userVolume()),
        ).rejects.toMatchObject({ code: "VOLUME_NOT_SEALED" });
      });

      it("says that the image-volume is gone", async () => {
        const from = await bench.sealed();
        await bench.backend.deleteVolume(from.providerId, options);
        await expect(
          bench.cloneOf(from, bench.userVolume()),
        ).rejects.toMatchObject({ code: "VOLUME_MISSING" });
      });

      it("can be repeated under its own name", async () => {
        const from = await bench.sealed();
        const wanted = bench.userVolume();
        await bench.backend.cloneVolume(from, wanted, options);
        const again = await bench.backend.cloneVolume(from, wanted, options);
        await expect(bench.sha256(again)).resolves.toBe(
          await bench.sha256(from),
        );
      });

      it("does nothing when it is aborted before", async () => {
        const from = await bench.sealed();
        const wanted = bench.userVolume();
        await expect(
          bench.backend.cloneVolume(from, wanted, {
            signal: AbortSignal.abort(new CancelledError("enough")),
          }),
        ).rejects.toMatchObject({ code: "CANCELLED" });
        await expect(
          bench.backend.find(wanted.name, options),
        ).resolves.toBeNull();
      });
    });

    describe("renameVolume", () => {
      it("is done when it was done before", async () => {
        const wanted = bench.userVolume();
        const made = await bench.backend.createVolume(
          bench.attemptOf(wanted),
          options,
        );
        const rename = async () =>
          await bench.backend.renameVolume(made, wanted.name, options);
        const first = await rename();
        await expect(rename()).resolves.toEqual(first);
        const names = await bench.names();
        expect(names.has(made.providerId)).toBe(false);
        expect(names.get(wanted.name)).toMatchObject({
          role: "volume",
          volumeId: wanted.volumeId,
        });
      });

      it("never replaces a volume", async () => {
        const wanted = bench.userVolume();
        const first = await bench.cloneOf(await bench.sealed(), wanted);
        const before = await bench.sha256(first);
        const second = await bench.backend.createVolume(
          bench.attemptOf(wanted),
          options,
        );
        await expect(
          bench.backend.renameVolume(second, wanted.name, options),
        ).rejects.toMatchObject({ code: "VOLUME_EXISTS" });
        await expect(bench.sha256(first)).resolves.toBe(before);
      });

      it("says that there is nothing to rename", async () => {
        const wanted = bench.userVolume();
        const { name } = bench.attemptOf(wanted);
        await expect(
          bench.backend.renameVolume(
            { providerId: name, sizeBytes: mib },
            wanted.name,
            options,
          ),
        ).rejects.toMatchObject({ code: "VOLUME_MISSING" });
      });
    });

    describe("extendVolume", () => {
      it("adds zeroes and never shrinks", async () => {
        const from = await bench.sealed();
        const wanted = bench.userVolume();
        const clone = await bench.cloneOf(from, wanted);
        const grown = await bench.backend.extendVolume(clone, 6 * mib, options);
        expect(grown.sizeBytes).toBe(6 * mib);
        await bench.backend.extendVolume(clone, mib, options);
        await expect(
          bench.backend.find(wanted.name, options),
        ).resolves.toMatchObject({ sizeBytes: 6 * mib });
        const shorter = await bench.cloneOf(from, bench.userVolume());
        const tail = await bench.backend.extendVolume(
          shorter,
          6 * mib,
          options,
        );
        await expect(bench.sha256(grown)).resolves.toBe(
          await bench.sha256(tail),
        );
        await expect(bench.sha256(grown)).resolves.not.toBe(
          await bench.sha256(from),
        );
      });
    });

    describe("deleteVolume", () => {
      it("frees the name, and is done when it was done before", async () => {
        const wanted = bench.userVolume();
        const from = await bench.sealed();
        await bench.cloneOf(from, wanted);
        await bench.backend.deleteVolume(wanted.name, options);
        await bench.backend.deleteVolume(wanted.name, options);
        await expect(
          bench.backend.find(wanted.name, options),
        ).resolves.toBeNull();
        const again = await bench.cloneOf(from, wanted);
        expect(again.providerId).toBe(wanted.name);
      });

      it("leaves the clones of a deleted image-volume whole", async () => {
        const from = await bench.sealed();
        const before = await bench.sha256(from);
        const clone = await bench.cloneOf(from, bench.userVolume());
        await bench.backend.deleteVolume(from.providerId, options);
        await expect(bench.sha256(clone)).resolves.toBe(before);
      });

      it("refuses a name that is not ours", async () => {
        for (const name of ["production-db", "../etc/passwd", ""]) {
          await expect(
            bench.backend.deleteVolume(name, options),
          ).rejects.toMatchObject({ code: "VOLUME_NOT_OURS" });
        }
      });
    });

    describe("list", () => {
      it("shows what is half made", async () => {
        const image = await bench.backend.createVolume(
          bench.imageVolume(),
          options,
        );
        const attempt = await bench.backend.createVolume(
          bench.attemptOf(bench.userVolume()),
          options,
        );
        const names = await bench.names();
        expect(names.get(image.providerId)).toMatchObject({
          role: "image-volume",
          seal: null,
        });
        expect(names.get(attempt.providerId)).toMatchObject({
          role: "attempt",
          seal: null,
        });
      });
    });
  });
}
