import { randomBytes, randomUUID } from "node:crypto";
import {
  chmod,
  link,
  lstat,
  mkdir,
  open,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import path from "node:path";
import {
  afterAll,
  afterEach,
  beforeEach,
  describe,
  expect,
  it,
} from "@jest/globals";
import { createFileBackend } from "../../daemon/backends/file/create-file-backend.ts";
import { FileBackend } from "../../daemon/backends/file/file-backend.ts";
import { FileFolder } from "../../daemon/backends/file/file-folder.ts";
import type {
  BackendVolume,
  VolumeBackend,
} from "../../daemon/backends/volume-backend.ts";
import { CancelledError } from "../../daemon/errors.ts";
import { mountXfs } from "../../scripts/xfs.ts";
import { tempFolder } from "../helpers/temp-folder.ts";

const mib = 1024 ** 2;
const options = { signal: new AbortController().signal };
const settings = { name: "file", host: "node1@file#pool" };
const attemptName = () => `.ivc-${randomBytes(5).toString("hex")}`;

async function addSealed(
  backend: VolumeBackend,
  sizeBytes: number,
): Promise<BackendVolume> {
  const entryKey = randomBytes(16).toString("hex");
  const attempt = randomBytes(5).toString("hex");
  const volumeId = randomUUID();
  const name = backend.nameFor({ kind: "image-volume", entryKey, attempt });
  const made = await backend.createVolume(
    { name, sizeBytes, volumeId, role: "image-volume" },
    options,
  );
  const seal = {
    volumeId,
    entryKey,
    content: "sha256:0/raw",
    imageId: randomUUID(),
    virtualSizeBytes: sizeBytes,
    checksum: null,
    sealedAtMs: 0,
  };
  await backend.seal(made, seal, options);
  return made;
}

async function fill(file: string, bytes: number): Promise<void> {
  await using handle = await open(file, "r+");
  for (let at = 0; at < bytes; at += mib) {
    await handle.write(randomBytes(mib), 0, mib, at);
  }
  await handle.sync();
}

describe("createFileBackend", () => {
  it("says what to do about a root that is not there", async () => {
    await expect(
      createFileBackend({ ...settings, root: "/no/such/folder" }),
    ).rejects.toThrow(
      "BACKEND_UNUSABLE: /no/such/folder cannot hold volumes: it does not exist; create it, or mount it",
    );
  });

  it("refuses a relative root and a file", async () => {
    await using folder = await tempFolder();
    const file = path.join(folder.path, "file");
    await writeFile(file, "");
    await expect(
      createFileBackend({ ...settings, root: "volumes" }),
    ).rejects.toThrow("not an absolute path");
    await expect(
      createFileBackend({ ...settings, root: file }),
    ).rejects.toThrow("not a directory");
  });

  it("refuses a damaged marker instead of taking a new identity", async () => {
    await using folder = await tempFolder();
    await createFileBackend({ ...settings, root: folder.path });
    await writeFile(path.join(folder.path, ".image-volume-cache"), "");
    await expect(
      createFileBackend({ ...settings, root: folder.path }),
    ).rejects.toThrow("marker file .image-volume-cache is damaged");
  });

  it("gives two daemons that start at once the same identity", async () => {
    await using folder = await tempFolder();
    const ids = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const backend = await createFileBackend({
          ...settings,
          root: folder.path,
        });
        return await backend.identity(options);
      }),
    );
    expect(new Set(ids).size).toBe(1);
    expect(await readdir(folder.path)).toEqual([
      ".image-volume-cache",
      ".meta",
    ]);
  });
});

describe("file backend", () => {
  let root: string;
  let backend: VolumeBackend;
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  beforeEach(async () => {
    folder = await tempFolder();
    root = folder.path;
    backend = await createFileBackend({ ...settings, root });
  });
  afterEach(async () => {
    await chmod(root, 0o700);
    await folder[Symbol.asyncDispose]();
  });

  const newVolume = (volumeId = randomUUID()) => ({
    name: backend.nameFor({ kind: "volume", volumeId }),
    sizeBytes: 64 * mib,
    volumeId,
    role: "volume" as const,
  });

  it("says when another file system is mounted on its root", async () => {
    await rm(path.join(root, ".image-volume-cache"));
    await expect(backend.identity(options)).rejects.toThrow(
      "is the file system mounted?",
    );
  });

  it("keeps holes", async () => {
    const from = await addSealed(backend, 64 * mib);
    await fill(path.join(root, from.providerId), mib);
    const wanted = { ...newVolume(), name: attemptName() };
    await backend.cloneVolume(from, wanted, options);
    const { size, blocks } = await stat(path.join(root, wanted.name));
    expect(size).toBe(64 * mib);
    expect(blocks * 512).toBeLessThan(2 * mib);
  });

  it("leaves alone a volume file that it did not make", async () => {
    const wanted = newVolume();
    const file = path.join(root, wanted.name);
    await writeFile(file, "of another Cinder driver");
    const exists = { code: "VOLUME_EXISTS" };
    const made = await backend.createVolume(
      { ...wanted, name: attemptName() },
      options,
    );
    await expect(backend.createVolume(wanted, options)).rejects.toMatchObject(
      exists,
    );
    await expect(
      backend.renameVolume(made, wanted.name, options),
    ).rejects.toMatchObject(exists);
    await expect(
      backend.deleteVolume(wanted.name, options),
    ).rejects.toMatchObject({ code: "VOLUME_NOT_OURS" });
    await expect(backend.find(wanted.name, options)).resolves.toBeNull();
    expect(await readFile(file, "utf8")).toBe("of another Cinder driver");
    expect(await Array.fromAsync(backend.list(options))).toHaveLength(1);
  });

  it("never follows a link", async () => {
    const victim = path.join(root, "victim");
    await writeFile(victim, "precious");
    const name = attemptName();
    await symlink(victim, path.join(root, name));
    const wanted = { ...newVolume(), name };
    await expect(backend.createVolume(wanted, options)).rejects.toMatchObject({
      code: "VOLUME_EXISTS",
    });
    await expect(backend.deleteVolume(name, options)).rejects.toMatchObject({
      code: "VOLUME_NOT_OURS",
    });
    await expect(
      backend.openTarget({ providerId: name, sizeBytes: 8 }, options),
    ).rejects.toMatchObject({ code: "VOLUME_MISSING" });
    expect(await readFile(victim, "utf8")).toBe("precious");
    expect((await lstat(path.join(root, name))).isSymbolicLink()).toBe(true);
  });

  it("finishes a rename that was cut off between its two names", async () => {
    const wanted = newVolume();
    const name = attemptName();
    const made = await backend.createVolume({ ...wanted, name }, options);
    await backend.renameVolume(made, wanted.name, options);
    await link(path.join(root, wanted.name), path.join(root, name));
    await backend.renameVolume(made, wanted.name, options);
    const left = await Array.fromAsync(backend.list(options));
    expect(left.map(({ providerId }) => providerId)).toEqual([wanted.name]);
  });

  it("still knows a volume whose sidecar a power loss has emptied", async () => {
    const wanted = newVolume();
    await backend.createVolume(wanted, options);
    await truncate(path.join(root, ".meta", `${wanted.name}.json`), 0);
    await expect(backend.find(wanted.name, options)).resolves.toMatchObject({
      role: "volume",
      volumeId: wanted.volumeId,
      seal: null,
    });
    await backend.deleteVolume(wanted.name, options);
    expect(await readdir(path.join(root, ".meta"))).toEqual([]);
  });

  it("removes old sidecars without a volume, and no young ones", async () => {
    const meta = path.join(root, ".meta");
    const old = path.join(meta, `volume-${randomUUID()}.json`);
    const young = path.join(meta, `volume-${randomUUID()}.json`);
    await writeFile(old, "{}");
    await writeFile(young, "{}");
    const longAgo = new Date(Date.now() - 2 * 3_600_000);
    await utimes(old, longAgo, longAgo);
    await Array.fromAsync(backend.list(options));
    expect(await readdir(meta)).toEqual([path.basename(young)]);
  });

  it("stops a copy in the middle when it is aborted, and leaves nothing of it", async () => {
    const copying = new FileBackend({
      ...settings,
      folder: new FileFolder(root, { keepsOrder: true }),
      isReflink: false,
    });
    const from = await addSealed(copying, 512 * mib);
    const stop = new AbortController();
    const wanted = { ...newVolume(), name: attemptName() };
    const copy = copying.cloneVolume(from, wanted, { signal: stop.signal });
    await lstatWhenThere(path.join(root, wanted.name));
    stop.abort(new CancelledError("enough"));
    await expect(copy).rejects.toMatchObject({ code: "CANCELLED" });
    expect(await readdir(root)).not.toContain(wanted.name);
  });

  it("refuses names that lead out of its root", async () => {
    await mkdir(path.join(root, "below"));
    for (const providerId of ["../x", "below/volume", ".meta", "/etc/passwd"]) {
      await expect(
        backend.openTarget({ providerId, sizeBytes: 1 }, options),
      ).rejects.toMatchObject({ code: "VOLUME_NOT_OURS" });
    }
  });

  it("gives the path as a local device", async () => {
    const { name } = newVolume();
    expect(backend.connectionInfo({ providerId: name, sizeBytes: 1 })).toEqual({
      driverVolumeType: "local",
      data: { device_path: path.join(root, name) },
    });
  });
});

async function lstatWhenThere(file: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (Date.now() < deadline) {
    try {
      await lstat(file);
      return;
    } catch {
      await new Promise(setImmediate);
    }
  }
  throw new Error(`${file} did not appear`);
}

const xfs = await mountXfs({ sizeGb: 0.3 });

const describeOnXfs = xfs.reason === null ? describe : describe.skip;

describeOnXfs("file backend on a small XFS", () => {
  afterAll(async () => {
    await xfs[Symbol.asyncDispose]();
  });

  it("clones in no time and takes no room", async () => {
    const backend = await createFileBackend({ ...settings, root: xfs.path });
    expect(backend.capabilities.clone).toBe("reflink");
    const from = await addSealed(backend, 100 * mib);
    await fill(path.join(xfs.path, from.providerId), 100 * mib);
    const before = (await backend.freeBytes(options)) ?? 0;
    for (let n = 0; n < 10; n++) {
      const volumeId = randomUUID();
      const wanted = {
        name: backend.nameFor({ kind: "volume", volumeId }),
        sizeBytes: from.sizeBytes,
        volumeId,
        role: "volume" as const,
      };
      await backend.cloneVolume(from, wanted, options);
    }
    const after = (await backend.freeBytes(options)) ?? 0;
    expect(before - after).toBeLessThan(10 * mib);
    await backend.deleteVolume(from.providerId, options);
    for await (const { providerId } of backend.list(options)) {
      await backend.deleteVolume(providerId, options);
    }
  });

  it("says that it is full, and leaves nothing of a copy", async () => {
    const copying = new FileBackend({
      ...settings,
      folder: new FileFolder(xfs.path, { keepsOrder: true }),
      isReflink: false,
    });
    const from = await addSealed(copying, 180 * mib);
    await fill(path.join(xfs.path, from.providerId), 180 * mib);
    const wanted = {
      name: attemptName(),
      sizeBytes: from.sizeBytes,
      volumeId: randomUUID(),
      role: "volume" as const,
    };
    await expect(
      copying.cloneVolume(from, wanted, options),
    ).rejects.toMatchObject({ code: "BACKEND_FULL", retry: "later" });
    expect(await readdir(xfs.path)).not.toContain(wanted.name);
  });
});
