import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { eventually } from "./eventually.ts";
import { tempFolder } from "./temp-folder.ts";
import { sha256OfFile } from "./volume-bytes.ts";

const run = promisify(execFile);

/** One LUN, as an initiator of its host names it. */
export interface Lun {
  /** `address:port`. */
  readonly portal: string;
  readonly iqn: string;
  readonly lun: number;
  readonly initiatorName: string;
  readonly chap?: { readonly user: string; readonly password: string };
}

/** The first `sizeBytes` (a multiple of 512) of a LUN, read by qemu-img. */
export async function readLun(lun: Lun, sizeBytes: number): Promise<Buffer> {
  await using folder = await tempFolder();
  return await readFile(await copyOut(lun, sizeBytes, folder.path));
}

/** sha256 of the first `sizeBytes` of a LUN, of any size. */
export async function sha256OfLun(
  lun: Lun,
  sizeBytes: number,
): Promise<string> {
  await using folder = await tempFolder();
  return await sha256OfFile(await copyOut(lun, sizeBytes, folder.path));
}

/** Writes bytes (a multiple of 512, as is the offset) to a LUN by qemu-img. */
export async function writeLun(
  lun: Lun,
  bytes: Buffer,
  offsetBytes = 0,
): Promise<void> {
  await using folder = await tempFolder();
  const source = path.join(folder.path, "bytes");
  await writeFile(source, bytes);
  const part = { offset: offsetBytes, size: bytes.length };
  const [secret, target] = await qemuOptions(lun, part, folder.path);
  const to = ["-n", "--target-image-opts", source, target];
  await run("qemu-img", ["convert", ...secret, "-f", "raw", ...to]);
}

/** A session that stays open until disposed. */
export interface LunSession extends AsyncDisposable {
  /** Reads the first block; false when the target refuses. */
  canRead(): Promise<boolean>;
}

/** Opens a session to a LUN by qemu-io. */
export async function openLun(lun: Lun): Promise<LunSession> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const part = { offset: 0, size: 512 };
  const [secret, source] = await qemuOptions(lun, part, folder.path);
  const child = spawn("qemu-io", [...secret, "--image-opts", source]);
  const closed = once(child, "close");
  stack.defer(async () => {
    child.kill("SIGKILL");
    await closed;
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const canRead = async () => {
    output = "";
    child.stdin.write("read 0 512\n");
    await eventually("qemu-io has read or has not", () => {
      return /read 512\/512|failed|error/i.test(output);
    });
    return output.includes("read 512/512");
  };
  if (!(await canRead())) {
    throw new Error(`qemu-io cannot read: ${output}`);
  }
  const opened = stack.move();
  return {
    canRead,
    [Symbol.asyncDispose]: async () => await opened.disposeAsync(),
  };
}

async function copyOut(
  lun: Lun,
  sizeBytes: number,
  folder: string,
): Promise<string> {
  const file = path.join(folder, "bytes");
  const part = { offset: 0, size: sizeBytes };
  const [secret, source] = await qemuOptions(lun, part, folder);
  const from = ["--image-opts", source];
  await run("qemu-img", ["convert", ...secret, ...from, "-O", "raw", file]);
  return file;
}

/** Options of qemu's own iSCSI initiator; the CHAP secret goes by a file that only we can read. */
async function qemuOptions(
  { portal, iqn, lun, initiatorName, chap }: Lun,
  { offset, size }: { readonly offset: number; readonly size: number },
  folder: string,
): Promise<[secret: string[], image: string]> {
  const image: Record<string, string | number> = {
    driver: "raw",
    offset,
    size,
    "file.driver": "iscsi",
    "file.transport": "tcp",
    "file.portal": portal,
    "file.target": iqn,
    "file.lun": lun,
    "file.initiator-name": initiatorName,
  };
  const secret: string[] = [];
  if (chap !== undefined) {
    const file = path.join(folder, "secret");
    await writeFile(file, chap.password, { mode: 0o600 });
    image["file.user"] = chap.user;
    image["file.password-secret"] = "chap";
    secret.push("--object", `secret,id=chap,file=${file}`);
  }
  const options = Object.entries(image).map(([name, value]) => {
    return `${name}=${String(value).replaceAll(",", ",,")}`;
  });
  return [secret, options.join(",")];
}
