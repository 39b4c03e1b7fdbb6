import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "../scripts/servers/free-port.ts";
import { ServerFolder } from "../scripts/servers/server-process.ts";
import type { LoggedRequest } from "../simulator/rest/request-log.ts";

/** A simulated array in a process of its own, so that its work is not the daemon's nor the bench's. */
export interface ArrayProcess extends AsyncDisposable {
  readonly url: string;
  readonly apiToken: string;
  /** PEM of the authority of its certificate. */
  readonly caFile: string;
  /** All requests it was sent, in their order. */
  log(): Promise<readonly LoggedRequest[]>;
}

const program = fileURLToPath(new URL("../simulator/main.ts", import.meta.url));

/** Starts one with iSCSI and REST 2.26; its volumes are in `folder`. */
export async function startArray(folder: string): Promise<ArrayProcess> {
  const owned = await ServerFolder.create("bench-array");
  try {
    const [port, controlPort] = [await freePort(), await freePort()];
    const apiToken = randomUUID();
    const options = {
      newest: "2.26",
      "data-plane": "iscsi",
      "api-token": apiToken,
      port,
      "control-port": controlPort,
      folder,
    };
    await owned.start("simulator", {
      command: [
        process.execPath,
        "--disable-warning=ExperimentalWarning",
        program,
        ...Object.entries(options).map(([name, value]) => `--${name}=${value}`),
      ],
    });
    const said = async () =>
      await readFile(owned.logFile("simulator"), "utf8").catch(() => "");
    const caFile = async () => /^ +authority +(\S+)$/mu.exec(await said())?.[1];
    await owned.waitUntil(
      "simulator",
      async () => (await caFile()) !== undefined,
      30_000,
    );
    return {
      url: `https://127.0.0.1:${port}`,
      apiToken,
      caFile: (await caFile()) ?? "",
      log: async () => {
        const answer = await fetch(`http://127.0.0.1:${controlPort}/log`);
        const { requests } = (await answer.json()) as {
          readonly requests: readonly LoggedRequest[];
        };
        return requests;
      },
      [Symbol.asyncDispose]: async () => {
        // It takes its iSCSI targets with it.
        await owned.kill("simulator", "SIGTERM");
        await owned[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await owned[Symbol.asyncDispose]();
    throw error;
  }
}
