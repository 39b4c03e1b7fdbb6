import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { HostAccess } from "./data-plane.ts";
import { freePort } from "./free-port.ts";
import { programPath, runProgram } from "./run-program.ts";

/** What a tgtd is started with. */
export interface TgtOptions {
  /** Its own; made, and removed with it. */
  readonly folder: string;
  readonly iqn: string;
  /** Tried first: sessions that a dead tgtd left come back to where it was. */
  readonly port: number | null;
  /** When it ends without having been told to. */
  readonly onDeath: () => void;
}

const address = "127.0.0.1";
// Relative to the daemon's folder, as the path of a socket may have only some 100 characters.
const env = { TGT_IPC_SOCKET: "socket" };
const readyWithinMs = 10_000;
const idleWithinMs = 2_000;

/** One tgtd with one target, on a private loopback port. It dies with this process, however that ends. */
export class TgtDaemon implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #iqns = new Set<string>();
  #user: string | null = null;
  #stderr = "";

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.port = port;
    const portal = `portal=${address}:${port}`;
    const tgtd = ["tgtd", "-f", "-C", "0", "--iscsi", portal];
    this.#child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...tgtd], {
      cwd: folder,
      env: { LC_ALL: "C", PATH: programPath, ...env },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-2_000);
    });
    this.#child.once("error", ({ message }) => {
      this.#stderr += message;
    });
  }

  static async start(options: TgtOptions): Promise<TgtDaemon> {
    const { folder, iqn, port, onDeath } = options;
    for (let tries = 0; tries < 5; tries++) {
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { recursive: true });
      const first = tries === 0 ? port : null;
      const daemon = new TgtDaemon(folder, first ?? (await freePort(address)));
      try {
        if (await daemon.#isListening()) {
          const name = ["--tid", "1", "--targetname", iqn];
          await daemon.#admin("target", "new", name);
          daemon.#child.once("exit", onDeath);
          return daemon;
        }
      } catch (error) {
        await daemon[Symbol.asyncDispose]();
        throw error;
      }
      await daemon[Symbol.asyncDispose]();
    }
    throw new Error("tgtd was given no free port of 127.0.0.1 in five tries");
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** `address:port` of the target. */
  get portal(): string {
    return `${address}:${this.port}`;
  }

  async publish(lun: number, file: string, serial: string): Promise<void> {
    const where = ["--tid", "1", "--lun", String(lun)];
    const store = ["--backing-store", file, "--bstype", "rdwr"];
    await this.#admin("logicalunit", "new", [...where, ...store]);
    const told = {
      vendor_id: "PURE",
      product_id: "FlashArray",
      product_rev: "8888",
      scsi_sn: serial.toUpperCase(),
      scsi_id: `3624a9370${serial.toLowerCase()}`,
      thin_provisioning: 1,
    };
    const params = Object.entries(told).map(([name, value]) => {
      return `${name}=${value}`;
    });
    await this.#admin("logicalunit", "update", [
      ...where,
      "--params",
      params.join(","),
    ]);
  }

  /** Commands under way get a moment to end; after that the sessions are closed, as the array would not wait either. */
  async unpublish(lun: number): Promise<void> {
    const where = ["--tid", "1", "--lun", String(lun)];
    const untilMs = performance.now() + idleWithinMs;
    for (;;) {
      try {
        await this.#admin("logicalunit", "delete", where);
        return;
      } catch (error) {
        const { message } = error as Error;
        if (message.includes("can't find the logical unit")) {
          return;
        }
        if (
          !message.includes("active") ||
          performance.now() > untilMs + idleWithinMs
        ) {
          throw error;
        }
      }
      if (performance.now() > untilMs) {
        await this.#closeSessions();
      }
      await sleep(20);
    }
  }

  async hasSessions(): Promise<boolean> {
    const shown = await this.#admin("conn", "show", ["--tid", "1"]);
    return shown.includes("Session:");
  }

  /** Who may log in from now on, and with what; sessions that are there stay. */
  async setAccess({ iqns, chap }: HostAccess): Promise<void> {
    // tgtd compares case, the front desk does not.
    const wanted = new Set(iqns.flatMap((iqn) => [iqn, iqn.toLowerCase()]));
    for (const iqn of this.#iqns.difference(wanted)) {
      await this.#bind("unbind", iqn);
      this.#iqns.delete(iqn);
    }
    for (const iqn of wanted.difference(this.#iqns)) {
      await this.#bind("bind", iqn);
      this.#iqns.add(iqn);
    }
    if (this.#user !== null) {
      await this.#admin("account", "delete", ["--user", this.#user]);
      this.#user = null;
    }
    if (chap !== null) {
      const user = ["--user", chap.user];
      // tgtadm takes the password in its arguments only, as tgt-admin passes it too.
      const secret = ["--password", chap.password];
      await this.#admin("account", "new", [...user, ...secret]);
      this.#user = chap.user;
      await this.#admin("account", "bind", ["--tid", "1", ...user]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.removeAllListeners("exit");
    // It buffers nothing, and is deaf to SIGTERM while it has targets.
    if (this.#child.pid !== undefined && this.isRunning) {
      const gone = once(this.#child, "exit");
      this.#child.kill("SIGKILL");
      await gone;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** False when the port was taken: tgtd says so and goes on without one. */
  async #isListening(): Promise<boolean> {
    const untilMs = performance.now() + readyWithinMs;
    let last = "it was not started";
    while (this.isRunning && this.#child.pid !== undefined) {
      try {
        const portals = await this.#admin("portal", "show", []);
        return portals.includes(`${this.portal},`);
      } catch (error) {
        last = (error as Error).message;
      }
      if (performance.now() > untilMs) {
        break;
      }
      await sleep(10);
    }
    throw new Error(
      `tgtd cannot be used (${this.#stderr.trim() || last}). Install Debian's packages tgt and util-linux, or use the data plane "file".`,
    );
  }

  async #closeSessions(): Promise<void> {
    const shown = await this.#admin("conn", "show", ["--tid", "1"]);
    const found = shown.matchAll(/Session: (\d+)\s+Connection: (\d+)/g);
    for (const [, session = "", connection = ""] of found) {
      const which = ["--tid", "1", "--sid", session, "--cid", connection];
      // It may have gone by itself.
      await this.#admin("conn", "delete", which).catch(() => {});
    }
  }

  async #bind(operation: "bind" | "unbind", iqn: string): Promise<void> {
    const who = ["--tid", "1", "--initiator-name", iqn];
    await this.#admin("target", operation, who);
  }

  async #admin(
    mode: string,
    operation: string,
    args: readonly string[],
  ): Promise<string> {
    const what = ["--lld", "iscsi", "--mode", mode, "--op", operation];
    return await runProgram("tgtadm", ["-C", "0", ...what, ...args], {
      label: `tgtadm --mode ${mode} --op ${operation}`,
      cwd: this.#folder,
      env,
    });
  }
}
