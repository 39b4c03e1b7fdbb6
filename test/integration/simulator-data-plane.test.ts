import { execFile, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { open, readFile, readdir, readlink, stat } from "node:fs/promises";
import { connect, createServer } from "node:net";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { mountXfs } from "../../scripts/xfs.ts";
import { FileDataPlane } from "../../simulator/data-plane/file-data-plane.ts";
import { IscsiDataPlane } from "../../simulator/data-plane/iscsi-data-plane.ts";
import { eventually } from "../helpers/eventually.ts";
import {
  openLun,
  readLun,
  sha256OfLun,
  writeLun,
} from "../helpers/lun-bytes.ts";
import type { Lun } from "../helpers/lun-bytes.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { sha256OfFile } from "../helpers/volume-bytes.ts";

const run = promisify(execFile);
const mib = 1024 ** 2;

/** jest compares long buffers byte by byte, which takes seconds. */
function digest(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function fill(file: string, bytes: Buffer): Promise<void> {
  await using handle = await open(file, "r+");
  await handle.write(bytes, 0, bytes.length, 0);
}

/** Pids of the tgtd processes that run in a folder. */
async function tgtdsBelow(folder: string): Promise<number[]> {
  const { stdout } = await run("pgrep", ["-x", "tgtd"]).catch(() => ({
    stdout: "",
  }));
  const pids = stdout.split("\n").filter((line) => line !== "");
  const found: number[] = [];
  for (const pid of pids) {
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => "");
    if (cwd.startsWith(folder)) {
      found.push(Number(pid));
    }
  }
  return found;
}

describe("FileDataPlane", () => {
  it("makes sparse zeroes, grows and cuts them, and removes them", async () => {
    await using folder = await tempFolder();
    await using plane = await FileDataPlane.create({ folder: folder.path });
    await plane.create("v", 64 * mib);
    await fill(plane.pathOf("v"), Buffer.alloc(4096, 7));
    await plane.resize("v", 128 * mib);
    const { size, blocks } = await stat(plane.pathOf("v"));
    expect(size).toBe(128 * mib);
    expect(blocks * 512).toBeLessThan(mib);
    await plane.resize("v", 4096);
    expect(await readFile(plane.pathOf("v"))).toEqual(Buffer.alloc(4096, 7));
    await plane.create("v", 1024);
    expect(await readFile(plane.pathOf("v"))).toEqual(Buffer.alloc(1024));
    await plane.remove("v");
    await plane.remove("v");
    expect(await readdir(folder.path)).toEqual([]);
  });

  it("clones bytes and holes, and the clone has a life of its own", async () => {
    await using folder = await tempFolder();
    await using plane = await FileDataPlane.create({ folder: folder.path });
    await plane.create("origin", 128 * mib);
    const bytes = randomBytes(mib);
    await fill(plane.pathOf("origin"), bytes);
    await plane.create("clone", 1024);
    await plane.clone("origin", "clone");
    const { size, blocks } = await stat(plane.pathOf("clone"));
    expect(size).toBe(128 * mib);
    expect(blocks * 512).toBeLessThan(2 * mib);
    await fill(plane.pathOf("origin"), Buffer.alloc(mib));
    const clone = await readFile(plane.pathOf("clone"));
    expect(digest(clone.subarray(0, mib))).toBe(digest(bytes));
    expect(clone.subarray(mib).equals(Buffer.alloc(127 * mib))).toBe(true);
    expect(await readdir(folder.path)).toEqual(["clone.raw", "origin.raw"]);
  });

  it("leaves nothing when there is nothing to clone", async () => {
    await using folder = await tempFolder();
    await using plane = await FileDataPlane.create({ folder: folder.path });
    await expect(plane.clone("nobody", "clone")).rejects.toThrow("ENOENT");
    expect(await readdir(folder.path)).toEqual([]);
  });
});

const xfs = await mountXfs({ sizeGb: 0.3 });
afterAll(async () => await xfs[Symbol.asyncDispose]());
const describeOnXfs = xfs.reason === null ? describe : describe.skip;

describeOnXfs("FileDataPlane on XFS", () => {
  it("shares blocks: its clones are more than the disk holds", async () => {
    await using plane = await FileDataPlane.create({ folder: xfs.path });
    const bytes = randomBytes(64 * mib);
    await plane.create("origin", bytes.length);
    await fill(plane.pathOf("origin"), bytes);
    const names = ["1", "2", "3", "4", "5", "6"];
    for (const name of names) {
      await plane.clone("origin", name);
    }
    for (const name of names) {
      const clone = await readFile(plane.pathOf(name));
      expect(digest(clone)).toBe(digest(bytes));
    }
  });
});

describe("IscsiDataPlane", () => {
  const alice = "iqn.1994-05.com.redhat:alice";
  const bob = "iqn.1994-05.com.redhat:Bob";
  const chap = { user: "alice", password: "a secret, of 12+" };
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let plane: IscsiDataPlane;
  let serials = 0;

  beforeAll(async () => {
    folder = await tempFolder();
    plane = await IscsiDataPlane.create({ folder: folder.path });
  });

  afterAll(async () => {
    await plane[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  function lunOf(initiatorName: string, lun: number, portalIndex = 0): Lun {
    const portal = plane.portals[portalIndex] ?? "";
    return { portal, iqn: plane.iqn, lun, initiatorName };
  }

  function url(lun: number): string {
    return `iscsi://${plane.portals[0]}/${plane.iqn}/${lun}`;
  }

  /** A volume of 8 MiB that begins with random bytes, as LUN `lun` of a host. */
  async function connected(
    hostName: string,
    volumeId: string,
    lun: number,
  ): Promise<{ bytes: Buffer; serial: string }> {
    const bytes = randomBytes(mib);
    serials += 1;
    const serial = `6C1B16CE1C034D1C${serials.toString(16).padStart(8, "0").toUpperCase()}`;
    await plane.create(volumeId, 8 * mib);
    await fill(plane.pathOf(volumeId), bytes);
    await plane.connect({ hostName, volumeId, lun, serial });
    return { bytes, serial };
  }

  it("gives each host its own LUN 1 behind one target name and every portal", async () => {
    expect(plane.iqn).toMatch(
      /^iqn\.2010-06\.com\.purestorage:flasharray\.[0-9a-f]{16}$/,
    );
    expect(plane.portals).toHaveLength(2);
    await plane.setHost({ hostName: "a", iqns: [alice], chap: null });
    await plane.setHost({ hostName: "b", iqns: [bob], chap: null });
    const ofA = await connected("a", "va", 1);
    const ofB = await connected("b", "vb", 1);
    for (const portal of [0, 1]) {
      expect(digest(await readLun(lunOf(alice, 1, portal), mib))).toBe(
        digest(ofA.bytes),
      );
      expect(digest(await readLun(lunOf(bob, 1, portal), mib))).toBe(
        digest(ofB.bytes),
      );
    }
    const lowerCase = lunOf(bob.toLowerCase(), 1);
    expect(digest(await readLun(lowerCase, mib))).toBe(digest(ofB.bytes));
    const written = randomBytes(4096);
    await writeLun(lunOf(alice, 1), written, 2 * mib);
    const raw = await readFile(plane.pathOf("va"));
    expect(raw.subarray(2 * mib, 2 * mib + 4096)).toEqual(written);
    expect(digest(raw.subarray(0, mib))).toBe(digest(ofA.bytes));
    expect(await sha256OfLun(lunOf(alice, 1), 8 * mib)).toBe(
      await sha256OfFile(plane.pathOf("va")),
    );
  });

  it("lets the device tell the volume's serial and vendor", async () => {
    await plane.setHost({ hostName: "a", iqns: [alice], chap: null });
    const { serial } = await connected("a", "told", 7);
    const ask = async (...args: string[]) => {
      const all = [...args, "-i", alice, url(7)];
      const { stdout } = await run("iscsi-inq", all, { encoding: "latin1" });
      return stdout;
    };
    expect(await ask("-e", "1", "-c", "128")).toMatch(
      new RegExp(`Unit Serial Number:\\[ *${serial}\\]`),
    );
    expect(await ask()).toMatch(/Vendor:PURE\s+Product:FlashArray\s/);
    expect(await ask("-e", "1", "-c", "131")).toContain(
      `3624a9370${serial.toLowerCase()}`,
    );
  });

  it("answers discovery with its portals to everybody", async () => {
    const { stdout } = await run("iscsi-ls", [
      "-i",
      "iqn.2000-01.org.example:nobody",
      `iscsi://${plane.portals[0]}`,
    ]);
    for (const portal of plane.portals) {
      expect(stdout).toContain(`Target:${plane.iqn} Portal:${portal},1`);
    }
  });

  it("refuses initiators it does not know, and other target names", async () => {
    await plane.setHost({ hostName: "a", iqns: [alice], chap: null });
    await connected("a", "guarded", 3);
    const stranger = lunOf("iqn.1994-05.com.redhat:mallory", 3);
    await expect(readLun(stranger, 512)).rejects.toThrow(/514|Forbidden/i);
    const elsewhere = { ...lunOf(alice, 3), iqn: `${plane.iqn}0` };
    await expect(readLun(elsewhere, 512)).rejects.toThrow(/515|not found/i);
    await plane.setHost({ hostName: "a", iqns: [], chap: null });
    await expect(readLun(lunOf(alice, 3), 512)).rejects.toThrow(/514/);
  });

  it("asks for the host's CHAP account, as it is at the next login", async () => {
    const hostName = "chap";
    const initiator = "iqn.1994-05.com.redhat:chap";
    await plane.setHost({ hostName, iqns: [initiator], chap });
    const { bytes } = await connected(hostName, "secret", 1);
    const lun = lunOf(initiator, 1);
    const wrong = { ...chap, password: "another secret" };
    expect(digest(await readLun({ ...lun, chap }, mib))).toBe(digest(bytes));
    await expect(readLun({ ...lun, chap: wrong }, 512)).rejects.toThrow(/513/);
    await expect(readLun(lun, 512)).rejects.toThrow(/513/);
    await using session = await openLun({ ...lun, chap });
    await plane.setHost({ hostName, iqns: [initiator], chap: wrong });
    await expect(session.canRead()).resolves.toBe(true);
    expect(digest(await readLun({ ...lun, chap: wrong }, mib))).toBe(
      digest(bytes),
    );
    await expect(readLun({ ...lun, chap }, 512)).rejects.toThrow(/513/);
    await plane.setHost({ hostName, iqns: [initiator], chap: null });
    expect(digest(await readLun(lun, mib))).toBe(digest(bytes));
  });

  it("ends access when a LUN is taken back, also from a session that is open", async () => {
    const initiator = "iqn.1994-05.com.redhat:leaver";
    await plane.setHost({ hostName: "l", iqns: [initiator], chap: null });
    const stays = await connected("l", "stays", 1);
    await connected("l", "goes", 2);
    await using session = await openLun(lunOf(initiator, 2));
    await plane.disconnect("l", "goes");
    await plane.disconnect("l", "goes");
    await expect(session.canRead()).resolves.toBe(false);
    await expect(readLun(lunOf(initiator, 2), 512)).rejects.toThrow(
      /LUN|LOGICAL/i,
    );
    expect(digest(await readLun(lunOf(initiator, 1), mib))).toBe(
      digest(stays.bytes),
    );
    const next = await connected("l", "next", 2);
    await plane.connect({
      hostName: "l",
      volumeId: "next",
      lun: 2,
      serial: next.serial,
    });
    expect(digest(await readLun(lunOf(initiator, 2), mib))).toBe(
      digest(next.bytes),
    );
    await plane.disconnect("l", "stays");
    await plane.connect({
      hostName: "l",
      volumeId: "stays",
      lun: 9,
      serial: stays.serial,
    });
    expect(digest(await readLun(lunOf(initiator, 9), mib))).toBe(
      digest(stays.bytes),
    );
    await expect(readLun(lunOf(initiator, 1), 512)).rejects.toThrow(
      /LUN|LOGICAL/i,
    );
  });

  it("stops a host's tgtd with its last LUN, and refuses its initiators", async () => {
    const before = await tgtdsBelow(folder.path);
    const initiator = "iqn.1994-05.com.redhat:brief";
    await plane.setHost({ hostName: "brief", iqns: [initiator], chap: null });
    await connected("brief", "brief", 1);
    expect(await tgtdsBelow(folder.path)).toHaveLength(before.length + 1);
    await plane.disconnect("brief", "brief");
    expect(await tgtdsBelow(folder.path)).toEqual(before);
    await expect(readLun(lunOf(initiator, 1), 512)).rejects.toThrow(/514/);
  });

  it("shows a connected volume's new size and new bytes to who logs in anew", async () => {
    const initiator = "iqn.1994-05.com.redhat:grower";
    await plane.setHost({ hostName: "g", iqns: [initiator], chap: null });
    const { bytes } = await connected("g", "grows", 1);
    await plane.clone("grows", "copy");
    await plane.resize("grows", 16 * mib);
    await writeLun(lunOf(initiator, 1), Buffer.alloc(mib, 1), 15 * mib);
    await writeLun(lunOf(initiator, 1), Buffer.alloc(mib, 2));
    const copy = await readFile(plane.pathOf("copy"));
    expect(copy).toHaveLength(8 * mib);
    expect(digest(copy.subarray(0, mib))).toBe(digest(bytes));
    await plane.clone("copy", "grows");
    expect(digest(await readLun(lunOf(initiator, 1), mib))).toBe(digest(bytes));
  });

  it("shows an open session the bytes of an overwrite, or an error", async () => {
    const initiator = "iqn.1994-05.com.redhat:overwritten";
    await plane.setHost({ hostName: "o", iqns: [initiator], chap: null });
    await connected("o", "target", 1);
    await plane.create("zeroes", 8 * mib);
    await using session = await openLun(lunOf(initiator, 1));
    await session.canRead();
    await plane.clone("zeroes", "target");
    expect(await readLun(lunOf(initiator, 1), 512)).toEqual(Buffer.alloc(512));
    // tgtd no longer holds the file that was replaced, whoever reads.
    for (const pid of await tgtdsBelow(folder.path)) {
      for (const fd of await readdir(`/proc/${pid}/fd`)) {
        const file = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => "");
        expect(file).not.toMatch(/\(deleted\)$/u);
      }
    }
  });

  it("does not disturb a session when its volume grows", async () => {
    const initiator = "iqn.1994-05.com.redhat:busy";
    await plane.setHost({ hostName: "busy", iqns: [initiator], chap: null });
    await connected("busy", "busy", 1);
    await using session = await openLun(lunOf(initiator, 1));
    await plane.resize("busy", 16 * mib);
    await expect(session.canRead()).resolves.toBe(true);
    const grown = await readLun(lunOf(initiator, 1), 16 * mib);
    expect(grown).toHaveLength(16 * mib);
  });

  it("brings a tgtd that died back with its LUNs", async () => {
    const initiator = "iqn.1994-05.com.redhat:survivor";
    const before = await tgtdsBelow(folder.path);
    await plane.setHost({ hostName: "s", iqns: [initiator], chap });
    const { bytes } = await connected("s", "survives", 4);
    const ofHost = (await tgtdsBelow(folder.path)).filter((pid) => {
      return !before.includes(pid);
    });
    expect(ofHost).toHaveLength(1);
    process.kill(ofHost[0] ?? 0, "SIGKILL");
    await eventually("another tgtd in its place, unasked", async () => {
      const now = await tgtdsBelow(folder.path);
      return now.length === before.length + 1 && !now.includes(ofHost[0] ?? 0);
    });
    const lun = { ...lunOf(initiator, 4), chap };
    expect(digest(await readLun(lun, mib))).toBe(digest(bytes));
  });

  it("closes what sends no login", async () => {
    const { hostname, port } = new URL(`iscsi://${plane.portals[0]}`);
    const socket = connect(Number(port), hostname);
    socket.on("error", () => {});
    socket.write(Buffer.alloc(48, 0xff));
    socket.resume();
    await once(socket, "close");
    expect(socket.destroyed).toBe(true);
  });
});

describe("the end of an IscsiDataPlane, and what stops its beginning", () => {
  it("stops everything and leaves only volumes when it is disposed", async () => {
    await using folder = await tempFolder();
    const plane = await IscsiDataPlane.create({ folder: folder.path });
    const volumeId = "v";
    await plane.create(volumeId, mib);
    for (const hostName of ["one", "two"]) {
      const serial = "0".repeat(24);
      await plane.connect({ hostName, volumeId, lun: 1, serial });
    }
    expect(await tgtdsBelow(folder.path)).toHaveLength(2);
    await plane[Symbol.asyncDispose]();
    expect(await tgtdsBelow(folder.path)).toEqual([]);
    expect(await readdir(folder.path)).toEqual(["v.raw"]);
  });

  it("says which portal is taken", async () => {
    await using folder = await tempFolder();
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    const addresses = ["127.0.0.1", `127.0.0.1:${port}`];
    const opening = IscsiDataPlane.create({ folder: folder.path, addresses });
    await expect(opening).rejects.toThrow(`127.0.0.1:${port}`);
    other.close();
  });

  it("leaves no tgtd behind when its process is killed, and the next one starts clean", async () => {
    await using folder = await tempFolder();
    const script = `
      import { IscsiDataPlane } from ${JSON.stringify(path.resolve("simulator/data-plane/iscsi-data-plane.ts"))};
      const plane = await IscsiDataPlane.create({ folder: process.argv[1] });
      await plane.create("v", 1024 ** 2);
      await plane.connect({ hostName: "h", volumeId: "v", lun: 1, serial: "0".repeat(24) });
      console.log("connected");
      process.stdin.resume().once("end", () => process.exit());
    `;
    const node = path.resolve("node_modules/.bin/node");
    const args = ["--input-type=module-typescript", "-e", script, folder.path];
    const child = spawn(node, args, { stdio: ["pipe", "pipe", "inherit"] });
    const closed = once(child, "close");
    child.stdin.on("error", () => {});
    await using stack = new AsyncDisposableStack();
    stack.defer(async () => {
      child.stdin.destroy();
      await closed;
    });
    await once(child.stdout, "data");
    expect(await tgtdsBelow(folder.path)).toHaveLength(1);
    const [pid = 0] = await tgtdsBelow(folder.path);
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    const parent = Number(/^PPid:\t(\d+)$/m.exec(status)?.[1]);
    process.kill(parent, "SIGKILL");
    await eventually("tgtd is gone", async () => {
      return (await tgtdsBelow(folder.path)).length === 0;
    });
    const options = { folder: folder.path, addresses: ["127.0.0.1"] };
    await using plane = await IscsiDataPlane.create(options);
    expect(plane.portals).toHaveLength(1);
    expect(await readdir(folder.path)).toEqual(["v.raw"]);
  });
});
