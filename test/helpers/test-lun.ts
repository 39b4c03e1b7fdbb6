import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, stat, truncate, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { IscsiTarget } from "../../daemon/backends/volume-backend.ts";
import { eventually } from "./eventually.ts";

const run = promisify(execFile);
const iqn = "iqn.2026-11.test.image-volume-cache:array.1";
const serial = "6C1B0123456789ABCDEF0001";
/** Of the device that {@link TestLun.exchangeLun} brings. */
export const otherSerial = "6C1B0123456789ABCDEF0002";

/** The account, nobody else's, that {@link TestLun.demandChap} makes. */
export const chapAccount = {
  user: "ivc-host",
  password: `+${randomBytes(8).toString("hex")}=word`,
};

/** A LUN that a tgtd of this test's own serves from a file. */
export interface TestLun extends AsyncDisposable {
  /** `address:port` */
  readonly portal: string;
  /** The LUN's bytes. */
  readonly file: string;
  readonly sizeBytes: number;
  /** Bytes of it that take room. */
  readonly allocatedBytes: () => Promise<number>;
  readonly target: (parts?: Partial<IscsiTarget>) => IscsiTarget;
  /** From now on nobody gets in without {@link chapAccount}. */
  readonly demandChap: () => Promise<void>;
  /** Takes the LUN away, as an array does when it is disconnected or deleted. */
  readonly removeLun: () => Promise<void>;
  /** Puts another device behind the same LUN; gives its file. */
  readonly exchangeLun: () => Promise<string>;
  /** Lets the LUN tell another serial from now on, and nothing of it to those who use it. */
  readonly renumber: (serial: string) => Promise<void>;
  /** Makes the target say nothing any more; or go on. */
  readonly freeze: (isFrozen: boolean) => void;
}

/** Starts a target with one LUN; ended on dispose. `folder` may be a place with little room. */
export async function startLun(
  sizeBytes: number,
  folder?: string,
): Promise<TestLun> {
  const own = await mkdtemp(join(tmpdir(), "ivc-lun-"));
  const portal = `127.0.0.1:${await freePort()}`;
  const file = join(folder ?? own, "lun");
  await writeFile(file, "");
  await truncate(file, sizeBytes);
  const env = {
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
    TGT_IPC_SOCKET: join(own, "sock"),
  };
  const args = ["-f", "-C", "0", "--iscsi", `portal=${portal}`];
  const tgtd = spawn("tgtd", args, { env, stdio: "ignore" });
  const admin = async (text: string, ...more: readonly string[]) => {
    const words = `-C 0 --lld iscsi ${text}`.split(" ");
    await run("tgtadm", [...words, ...more], { env });
  };
  const renumber = async (number: string) => {
    await admin(
      `--op update --mode logicalunit --tid 1 --lun 1 --params scsi_sn=${number}`,
    );
  };
  const addLun = async (from: string, number: string) => {
    await admin("--op new --mode logicalunit --tid 1 --lun 1 -b", from);
    await renumber(number);
  };
  const removeLun = async () => {
    await admin("--op delete --mode logicalunit --tid 1 --lun 1");
  };
  const dispose = async () => {
    await end(tgtd);
    await rm(own, { recursive: true, force: true });
  };
  try {
    await eventually("tgtd answers", async () => {
      if (tgtd.exitCode !== null) {
        throw new Error(`tgtd ended with ${tgtd.exitCode}`);
      }
      return await admin("--op show --mode sys").then(
        () => true,
        () => false,
      );
    });
    await admin("--op new --mode target --tid 1 -T", iqn);
    await addLun(file, serial);
    await admin("--op bind --mode target --tid 1 -I ALL");
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    portal,
    file,
    sizeBytes,
    allocatedBytes: async () => (await stat(file)).blocks * 512,
    target: (parts = {}) => ({
      kind: "iscsi",
      portals: [portal],
      iqn,
      lun: 1,
      initiatorName: "iqn.2026-11.test.image-volume-cache:writer",
      chap: null,
      serial,
      sizeBytes,
      [Symbol.asyncDispose]: () => Promise.resolve(),
      ...parts,
    }),
    demandChap: async () => {
      const { user, password } = chapAccount;
      const account = ["--user", user, "--password", password];
      await admin("--op new --mode account", ...account);
      await admin("--op bind --mode account --tid 1 --user", user);
    },
    removeLun,
    exchangeLun: async () => {
      const other = join(own, "other");
      await writeFile(other, "");
      await truncate(other, sizeBytes);
      await removeLun();
      await addLun(other, otherSerial);
      return other;
    },
    renumber,
    freeze: (isFrozen) => {
      tgtd.kill(isFrozen ? "SIGSTOP" : "SIGCONT");
    },
    [Symbol.asyncDispose]: dispose,
  };
}

async function end(tgtd: ChildProcess): Promise<void> {
  if (tgtd.exitCode !== null || tgtd.signalCode !== null) {
    return;
  }
  const exit = once(tgtd, "exit");
  // It leaves open sessions alone for long when it is asked politely.
  tgtd.kill("SIGKILL");
  await exit;
}

/** A port of this machine where nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
