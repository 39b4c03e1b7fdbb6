import { createHash } from "node:crypto";
import { stat, writeFile } from "node:fs/promises";
import { describe, expect, it } from "@jest/globals";
import type { IscsiTarget } from "../../../daemon/backends/volume-backend.ts";
import { findIscsiTools } from "../../../daemon/imagesync/find-iscsi-tools.ts";
import { findQemuImg } from "../../../daemon/imagesync/find-qemu-img.ts";
import { LunWriter } from "../../../daemon/imagesync/lun-writer.ts";
import {
  QemuImg,
  type QemuImgOptions,
} from "../../../daemon/imagesync/qemu-img.ts";
import {
  childrenOfThisProcess,
  type CopyBench,
  diskBytes,
  hashOf,
  makeCopyBench,
} from "../../helpers/copy-bench.ts";
import { eventually } from "../../helpers/eventually.ts";
import { isFlush, refusedFlushes } from "../../helpers/iscsi-flush.ts";
import { NarrowPortal } from "../../helpers/narrow-portal.ts";
import { seeProcesses } from "../../helpers/processes.ts";
import {
  chapAccount,
  freePort,
  otherSerial,
  startLun,
  type TestLun,
} from "../../helpers/test-lun.ts";

const tools = await findQemuImg();
const { iscsiInq } = await findIscsiTools(tools);
const disk = diskBytes();
const lunBytes = 32 * 1024 * 1024;
/** In the middle of the data of `disk`. */
const holdAfterBytes = 1_500_000;

interface More {
  readonly qemu?: Partial<QemuImgOptions>;
  readonly signal?: AbortSignal;
  readonly portalTimeoutMs?: number;
}

interface Rig extends AsyncDisposable {
  readonly bench: CopyBench;
  readonly lun: TestLun;
  readonly write: (target: IscsiTarget, more?: More) => Promise<void>;
  readonly isWhole: () => Promise<boolean>;
}

async function makeRig(): Promise<Rig> {
  await using stack = new AsyncDisposableStack();
  const bench = stack.use(await makeCopyBench());
  const lun = stack.use(await startLun(lunBytes));
  const path = bench.path("image");
  await writeFile(path, disk);
  const padded = Buffer.concat([disk], lunBytes);
  const whole = createHash("sha256").update(padded).digest("hex");
  const kept = stack.move();
  return {
    bench,
    lun,
    write: async (target, more = {}) => {
      const { qemu = {}, signal = AbortSignal.timeout(30_000) } = more;
      const writer = new LunWriter({
        ...tools,
        iscsiInq,
        portalTimeoutMs: more.portalTimeoutMs ?? 30_000,
        qemuImg: new QemuImg({ ...tools, ...qemu }),
        scratchDir: bench.scratchDir,
      });
      const image = { path, format: "raw" } as const;
      await writer.write(image, target, () => {}, { signal });
    },
    isWhole: async () => (await hashOf(lun.file)) === whole,
    [Symbol.asyncDispose]: async () => {
      await kept.disposeAsync();
    },
  };
}

async function deadPortal(): Promise<string> {
  return `127.0.0.1:${await freePort()}`;
}

async function writersOf(target: IscsiTarget): Promise<string[]> {
  const all = await seeProcesses();
  return all
    .map(({ cmdline }) => cmdline)
    .filter((line) => target.portals.some((portal) => line.includes(portal)));
}

describe("LunWriter", () => {
  it("gets in with the CHAP secret, and says what to check without or with a wrong one", async () => {
    await using rig = await makeRig();
    await rig.lun.demandChap();
    for (const chap of [
      null,
      { ...chapAccount, password: "another+word" },
      { ...chapAccount, user: "nobody" },
    ]) {
      const error = await rig
        .write(rig.lun.target({ chap }))
        .catch((thrown: Error) => thrown);
      expect(error).toMatchObject({
        code: "BACKEND_IO",
        retry: "later",
        message: expect.stringMatching(
          /Authentication failure\(513\).*use_chap_auth/,
        ),
      });
      expect(String(error)).not.toContain("another+word");
    }
    expect(await rig.lun.allocatedBytes()).toBe(0);
    await rig.write(rig.lun.target({ chap: chapAccount }));
    expect(await rig.isWhole()).toBe(true);
    expect(await rig.bench.scratch()).toEqual([]);
  });

  it("writes nothing to a device with another serial, and looks for none elsewhere", async () => {
    await using rig = await makeRig();
    await using other = await startLun(lunBytes);
    const portals = [other.portal, rig.lun.portal];
    const target = other.target({ portals, serial: "6C1BFFFF" });
    await expect(rig.write(target)).rejects.toMatchObject({
      code: "WRONG_DEVICE",
      retry: "later",
    });
    expect(await other.allocatedBytes()).toBe(0);
    expect(await rig.lun.allocatedBytes()).toBe(0);
  });

  it("compares serials whatever their case and padding", async () => {
    await using rig = await makeRig();
    const { serial } = rig.lun.target();
    await rig.write(rig.lun.target({ serial: ` ${serial.toLowerCase()} ` }));
    expect(await rig.isWhole()).toBe(true);
  });

  it("takes the next portal when one is dead or silent", async () => {
    await using rig = await makeRig();
    await using frozen = await startLun(lunBytes);
    frozen.freeze(true);
    const portals = [await deadPortal(), frozen.portal, rig.lun.portal];
    const target = rig.lun.target({ portals });
    await rig.write(target, { portalTimeoutMs: 2_000 });
    expect(await rig.isWhole()).toBe(true);
    expect(await frozen.allocatedBytes()).toBe(0);
  });

  it("tells of each portal why it was of no use", async () => {
    await using rig = await makeRig();
    const [dead, silent] = [await deadPortal(), rig.lun.portal];
    rig.lun.freeze(true);
    const target = rig.lun.target({ portals: [dead, silent] });
    await expect(
      rig.write(target, { portalTimeoutMs: 500 }),
    ).rejects.toMatchObject({
      code: "BACKEND_IO",
      message: expect.stringContaining(
        `(${dead}: cannot be reached; ${silent}: no answer within 0.5 s)`,
      ),
    });
    rig.lun.freeze(false);
    await expect(rig.write(rig.lun.target({ lun: 7 }))).rejects.toMatchObject({
      code: "BACKEND_IO",
      message: expect.stringContaining("LOGICAL_UNIT_NOT_SUPPORTED"),
    });
  });

  it("takes the next portal when one dies between the device's answer and the first byte", async () => {
    await using rig = await makeRig();
    await using once = await NarrowPortal.open(rig.lun.portal, {
      connections: 1,
    });
    const only = rig.lun.target({ portals: [once.portal] });
    await using again = await NarrowPortal.open(rig.lun.portal, {
      connections: 1,
    });
    await expect(rig.write(only)).rejects.toMatchObject({
      code: "BACKEND_IO",
      message: expect.stringContaining("cannot be reached"),
    });
    const portals = [again.portal, rig.lun.portal];
    await rig.write(rig.lun.target({ portals }));
    expect(await rig.isWhole()).toBe(true);
  });

  it("takes the next portal when one falls silent in the middle", async () => {
    await using rig = await makeRig();
    await using narrow = await NarrowPortal.open(rig.lun.portal, {
      holdAfterBytes,
    });
    const qemu = { lunStallMs: 300, lunFlushMs: 300 };
    const only = rig.lun.target({ portals: [narrow.portal] });
    await expect(rig.write(only, { qemu })).rejects.toMatchObject({
      code: "BACKEND_IO",
      message: expect.stringMatching(
        /^(?!.*cannot reach).*too slow or gone.*bandwidth limit \(qos\)/,
      ),
    });
    expect(await writersOf(only)).toEqual([]);
    expect(await rig.isWhole()).toBe(false);
    await using second = await NarrowPortal.open(rig.lun.portal, {
      holdAfterBytes,
    });
    const portals = [second.portal, rig.lun.portal];
    await rig.write(rig.lun.target({ portals }), { qemu });
    expect(await rig.isWhole()).toBe(true);
  });

  it("fails when the LUN is taken away in the middle, and shows none of qemu's options", async () => {
    await using rig = await makeRig();
    await using narrow = await NarrowPortal.open(rig.lun.portal, {
      holdAfterBytes,
    });
    const target = rig.lun.target({ portals: [narrow.portal] });
    const writing = rig.write(target).catch((thrown: Error) => thrown);
    await narrow.held;
    await rig.lun.removeLun();
    narrow.release();
    const error = await writing;
    expect(error).toMatchObject({
      code: "BACKEND_IO",
      retry: "later",
      message: expect.stringContaining("LOGICAL_UNIT_NOT_SUPPORTED"),
    });
    expect(String(error)).not.toMatch(/json:|driver=|initiator/);
  });

  it("begins again, on a proven path, when its session breaks", async () => {
    await using rig = await makeRig();
    await using narrow = await NarrowPortal.open(rig.lun.portal, {
      holdAfterBytes,
    });
    const target = rig.lun.target({ portals: [narrow.portal] });
    const writing = rig.write(target);
    await narrow.held;
    rig.lun.freeze(true);
    narrow.cut();
    let programs: string[] = [];
    await eventually("the device is asked again, by nobody else", async () => {
      programs = (await writersOf(target)).map(
        (line) => line.split("\0")[0] ?? "",
      );
      return programs.length === 1 && programs[0] === iscsiInq;
    });
    rig.lun.freeze(false);
    await writing;
    expect(await rig.isWhole()).toBe(true);
  });

  it("fails when another device comes to the LUN in the middle", async () => {
    await using rig = await makeRig();
    await using narrow = await NarrowPortal.open(rig.lun.portal, {
      holdAfterBytes,
    });
    const target = rig.lun.target({ portals: [narrow.portal] });
    const writing = rig.write(target).catch((thrown: Error) => thrown);
    await narrow.held;
    const other = await rig.lun.exchangeLun();
    narrow.cut();
    expect(await writing).toMatchObject({
      code: "WRONG_DEVICE",
      retry: "later",
      message: expect.stringMatching(
        `has the serial ${otherSerial}.*may have bytes of it: check it`,
      ),
    });
    expect((await stat(other)).blocks).toBe(0);
  });

  it("fails when the device is another one after it took all", async () => {
    await using rig = await makeRig();
    await using narrow = await NarrowPortal.open(rig.lun.portal, {
      holdAfterBytes,
    });
    const target = rig.lun.target({ portals: [narrow.portal] });
    const writing = rig.write(target).catch((thrown: Error) => thrown);
    await narrow.held;
    await rig.lun.renumber(otherSerial);
    narrow.release();
    expect(await writing).toMatchObject({
      code: "WRONG_DEVICE",
      message: expect.stringMatching(
        `has the serial ${otherSerial}.*has bytes of it: check it`,
      ),
    });
  });

  it("fails when the device does not tell which one it is after it took all", async () => {
    await using rig = await makeRig();
    // One that asks, one that writes.
    await using narrow = await NarrowPortal.open(rig.lun.portal, {
      connections: 2,
    });
    const target = rig.lun.target({ portals: [narrow.portal] });
    await expect(rig.write(target)).rejects.toMatchObject({
      code: "BACKEND_IO",
      message: expect.stringContaining("did not tell again which one it is"),
    });
  });

  it("gives the flush more time than a write", async () => {
    await using rig = await makeRig();
    let flushing = Promise.withResolvers<void>();
    await using narrow = await NarrowPortal.open(rig.lun.portal, {
      overhear: (bytes) => {
        if (isFlush(bytes)) {
          rig.lun.freeze(true);
          flushing.resolve();
        }
      },
    });
    const target = rig.lun.target({ portals: [narrow.portal] });
    const lunStallMs = 2_000;
    const writing = rig.write(target, {
      qemu: { lunStallMs, lunFlushMs: 20_000 },
    });
    await flushing.promise;
    const timer = setTimeout(() => {
      rig.lun.freeze(false);
    }, lunStallMs + 1_000);
    await writing;
    clearTimeout(timer);
    expect(await rig.isWhole()).toBe(true);

    flushing = Promise.withResolvers<void>();
    await expect(
      rig.write(target, { qemu: { lunStallMs, lunFlushMs: lunStallMs } }),
    ).rejects.toMatchObject({
      code: "BACKEND_IO",
      message: expect.stringContaining("flush within 2 s"),
    });
    rig.lun.freeze(false);
  });

  it("leaves no process when it is aborted in the middle", async () => {
    await using rig = await makeRig();
    await using narrow = await NarrowPortal.open(rig.lun.portal, {
      holdAfterBytes,
    });
    const target = rig.lun.target({ portals: [narrow.portal] });
    const abort = new AbortController();
    const writing = rig
      .write(target, { signal: abort.signal })
      .catch((thrown: Error) => thrown);
    await narrow.held;
    expect(await writersOf(target)).toHaveLength(1);
    abort.abort(new Error("enough"));
    expect(await writing).toMatchObject({ message: "enough" });
    expect(await writersOf(target)).toEqual([]);
    const children = await childrenOfThisProcess();
    expect(children.filter((line) => line.includes("qemu-img"))).toEqual([]);
    expect(await rig.bench.scratch()).toEqual([]);
  });

  it("shows its secret to nobody but iscsi-inq, whose environment is private", async () => {
    await using rig = await makeRig();
    await rig.lun.demandChap();
    await using narrow = await NarrowPortal.open(rig.lun.portal, {
      holdAfterBytes,
    });
    const target = rig.lun.target({
      chap: chapAccount,
      portals: [narrow.portal],
    });
    const secret = chapAccount.password;
    rig.lun.freeze(true);
    const writing = rig.write(target);
    let asking = await seeProcesses();
    await eventually("the device is asked", async () => {
      asking = await seeProcesses();
      // One that is just starting another program shows no environment.
      return asking.some(
        ({ name, environ }) => name === "iscsi-inq" && environ.length > 0,
      );
    });
    rig.lun.freeze(false);
    await narrow.held;
    const convertingNow = await seeProcesses();
    narrow.release();
    await writing;
    const byEnvironment = asking.filter((seen) =>
      seen.environ.includes(secret),
    );
    expect(
      byEnvironment.map(({ name, environMode }) => ({ name, environMode })),
    ).toEqual([{ name: "iscsi-inq", environMode: 0o400 }]);
    expect(
      convertingNow.filter(({ cmdline }) => cmdline.includes(narrow.portal)),
    ).toHaveLength(1);
    expect(
      convertingNow.filter((seen) => seen.environ.includes(secret)),
    ).toEqual([]);
    for (const seen of [...asking, ...convertingNow]) {
      expect(seen.cmdline).not.toContain(secret);
    }
    expect(await rig.isWhole()).toBe(true);
  });

  it("fails when the device does not flush, which qemu-img says and then succeeds", async () => {
    await using rig = await makeRig();
    await using narrow = await NarrowPortal.open(
      rig.lun.portal,
      refusedFlushes(),
    );
    const target = rig.lun.target({ portals: [narrow.portal] });
    await expect(rig.write(target)).rejects.toMatchObject({
      code: "BACKEND_IO",
      message: expect.stringContaining("SYNCHRONIZECACHE10 failed"),
    });
    expect(await rig.isWhole()).toBe(true);
  });
});
