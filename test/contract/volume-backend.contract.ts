import { createHash, randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type {
  BackendVolume,
  Seal,
} from "../../daemon/backends/volume-backend.ts";
import { CancelledError } from "../../daemon/errors.ts";
import {
  BackendBench,
  type BackendUnderTest,
  mib,
  newAttempt,
  options,
} from "./backend-bench.ts";

/** What every backend promises, tried on the one that `start` gives. */
export function volumeBackendContract(
  title: string,
  start: () => Promise<BackendUnderTest>,
): void {
  describe(`volume backend contract: ${title}`, () => {
    let held: BackendUnderTest;
    let bench: BackendBench;
    beforeAll(async () => {
      held = await start();
      bench = new BackendBench(held);
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

    describe("the trash", () => {
      const evicted = async (isRestorable: boolean) => {
        const from = await bench.sealed();
        const sum = await bench.sha256(from);
        await bench.backend.deleteVolume(from.providerId, {
          ...options,
          isRestorable,
        });
        return { ...from, sum };
      };
      const nameOf = (seal: Seal) =>
        bench.backend.nameFor({
          kind: "image-volume",
          entryKey: seal.entryKey,
          attempt: newAttempt(),
        });

      it("gives back what may come back, unsealed and with its bytes, where there is one", async () => {
        const { backend } = bench;
        const { seal, sum } = await evicted(true);
        const found = await backend.findRestorable(seal.entryKey, options);
        expect(found !== null).toBe(backend.capabilities.trash);
        if (found === null) {
          return;
        }
        expect(found.seal).toEqual(seal);
        const name = nameOf(seal);
        const back = await backend.restoreVolume(found, name, options);
        expect(back).toMatchObject({ providerId: name });
        const volume = back as BackendVolume;
        await expect(backend.find(name, options)).resolves.toMatchObject({
          seal: null,
        });
        await backend.seal(volume, seal, options);
        await expect(bench.sha256(volume)).resolves.toBe(sum);
        await expect(
          backend.findRestorable(seal.entryKey, options),
        ).resolves.toBeNull();
        const clone = await bench.cloneOf(volume, bench.userVolume());
        await expect(bench.sha256(clone)).resolves.toBe(sum);
      });

      it("keeps what must not come back", async () => {
        const { seal } = await evicted(false);
        await expect(
          bench.backend.findRestorable(seal.entryKey, options),
        ).resolves.toBeNull();
      });

      it("knows nothing of an entry that was never evicted", async () => {
        const { seal } = await bench.sealed();
        await expect(
          bench.backend.findRestorable(seal.entryKey, options),
        ).resolves.toBeNull();
      });
    });

    describe("labelVolume", () => {
      it("changes neither bytes nor what the volume is", async () => {
        const wanted = bench.userVolume();
        const clone = await bench.cloneOf(await bench.sealed(), wanted);
        const before = await bench.sha256(clone);
        const label = {
          volumeId: wanted.volumeId,
          projectId: "a project",
          imageId: randomUUID(),
          attempt: newAttempt(),
        };
        await bench.backend.labelVolume(clone, label, options);
        await bench.backend.labelVolume(clone, label, options);
        await expect(bench.sha256(clone)).resolves.toBe(before);
        await expect(
          bench.backend.find(wanted.name, options),
        ).resolves.toMatchObject({ role: "volume", volumeId: wanted.volumeId });
      });
    });

    describe("initializeConnection", () => {
      const connector = {
        host: "compute-1",
        initiator: "iqn.1993-08.org.debian:01:c0ffee",
        nqn: null,
        wwpns: [],
      };

      it("gives the same answer each time, and ends with terminateConnection", async () => {
        const { backend } = bench;
        const wanted = bench.userVolume();
        const clone = await bench.cloneOf(await bench.sealed(), wanted);
        const first = await backend.initializeConnection(
          clone,
          connector,
          options,
        );
        await expect(
          backend.initializeConnection(clone, connector, options),
        ).resolves.toEqual(first);
        expect(first.driverVolumeType).not.toBe("");
        await backend.terminateConnection(clone, connector, options);
        await backend.terminateConnection(clone, null, options);
        await backend.deleteVolume(wanted.name, options);
      });

      it("refuses a volume that is not there", async () => {
        const { name } = bench.userVolume();
        await expect(
          bench.backend.initializeConnection(
            { providerId: name, sizeBytes: mib },
            connector,
            options,
          ),
        ).rejects.toMatchObject({ code: "VOLUME_MISSING" });
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
