import { execFile } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import type {
  ArrayClient,
  Write,
} from "../../daemon/backends/flash-array/array-client.ts";
import { openArrayClient } from "../../daemon/backends/flash-array/open-array-client.ts";
import { silentLogger } from "../../daemon/logger.ts";
import { bytesPerGb } from "../../daemon/volume.ts";
import { Simulator } from "../../simulator/simulator.ts";
import type { Version } from "../../simulator/version.ts";
import { tempFolder } from "./temp-folder.ts";
import type { Stage } from "./use-stage.ts";
import { sha256OfFile } from "./volume-bytes.ts";

type VolumeRecord = ReturnType<Simulator["model"]["volumes"]["all"]>[number];

/** What a daemon on an array may have besides its backend `flasharray`. */
export interface ArrayEnvParts {
  /** Where it looks for the array; default the array itself. */
  readonly address?: string;
  /** Further backends on the same array, by name, with settings of their own. */
  readonly backends?: Readonly<
    Record<string, Readonly<Record<string, unknown>>>
  >;
  readonly jobs?: Readonly<Record<string, unknown>>;
}

/** A simulated array on a stage, and what a daemon needs to use it. */
export interface StageArray extends AsyncDisposable {
  readonly simulator: Simulator;
  /** Holds one folder for each daemon. */
  readonly scratchDir: string;
  /** The environment of a daemon whose backend `flasharray`, the default one, is this array; `more` are settings of the backend. */
  env(
    more?: Readonly<Record<string, unknown>>,
    parts?: ArrayEnvParts,
  ): Record<string, string>;
  /** Names of all volumes that live, those pending eradication left out. */
  liveNames(): readonly string[];
  /** The live volume of this name. */
  live(name: string): VolumeRecord | undefined;
  /** Tags of the live volume of this name. */
  tags(name: string): Readonly<Record<string, string>>;
  /** Names of those pending eradication. */
  destroyedNames(): readonly string[];
  /** sha256 of a volume's bytes, by its name on the array; null when there is no such live volume. */
  sha256(name: string): Promise<string | null>;
  /** What is wrong with live volumes of these names that should be `raw` followed by zeroes up to `sizeGb`; empty when all are right. */
  wrong(
    names: readonly string[],
    raw: Buffer,
    sizeGb?: number,
  ): Promise<string[]>;
  /** Files of images on their way, of all daemons. */
  scratchFiles(): Promise<string[]>;
  /** What an administrator does. */
  asAdmin(
    method: Write["method"],
    path: string,
    query: Write["query"],
    body?: unknown,
  ): Promise<void>;
}

/** The name of a user's volume on an array with the default settings. */
export function arrayName(volumeId: string): string {
  return `volume-${volumeId}-ivc`;
}

/** Starts an array whose volumes are on the stage's XFS. */
export async function startArray(
  stage: Stage,
  options: {
    readonly name?: string;
    readonly newest?: Version;
    readonly dataPlane?: "file" | "iscsi";
  } = {},
): Promise<StageArray> {
  const folder = await stage.folder(options.name ?? "array");
  const scratchDir = await stage.folder(`${options.name ?? "array"}-scratch`);
  await using stack = new AsyncDisposableStack();
  const simulator = stack.use(
    await Simulator.start({
      newest: options.newest ?? "2.26",
      dataPlane: options.dataPlane ?? "iscsi",
      folder,
    }),
  );
  const opened = stack.move();
  let admin: ArrayClient | null = null;
  return {
    simulator,
    scratchDir,
    env: (more, parts) => envOf(simulator, scratchDir, more, parts),
    ...looksAt(simulator),
    scratchFiles: async () => {
      const found = await readdir(scratchDir, {
        recursive: true,
        withFileTypes: true,
      });
      return found
        .filter((entry) => !entry.isDirectory())
        .map((entry) => path.join(entry.parentPath, entry.name));
    },
    asAdmin: async (method, where, query, body) => {
      admin ??= opened.use(await openClient(simulator));
      const write = {
        method,
        path: where,
        query,
        ...(body === undefined ? {} : { body }),
      };
      const signal = AbortSignal.timeout(30_000);
      await admin.write(write, z.unknown(), { signal });
    },
    [Symbol.asyncDispose]: async () => {
      await opened.disposeAsync();
    },
  };
}

function envOf(
  simulator: Simulator,
  scratchDir: string,
  more: Readonly<Record<string, unknown>> = {},
  { address, backends = {}, jobs = {} }: ArrayEnvParts = {},
): Record<string, string> {
  const array = {
    driver: "flasharray",
    san_ip: address ?? new URL(simulator.url).host,
    pure_api_token: simulator.apiToken,
    driver_ssl_cert_path: simulator.caFile,
  };
  const others: Record<string, object> = {};
  for (const [name, own] of Object.entries(backends)) {
    others[name] = { ...array, ...own };
  }
  return {
    // There is no backend that it belongs to.
    IVC_FILE_ROOT: "",
    NODE_CONFIG: JSON.stringify({
      backends: {
        file: null,
        flasharray: { ...array, ...more },
        ...others,
      },
      defaultBackend: "flasharray",
      images: { scratchDir },
      jobs,
    }),
  };
}

type Looks = Pick<
  StageArray,
  "liveNames" | "live" | "tags" | "destroyedNames" | "sha256" | "wrong"
>;

function looksAt({ model, dataPlane }: Simulator): Looks {
  const live = (name: string) => {
    const volume = model.volumes.named(name);
    return volume?.expiresAtMs === null ? volume : undefined;
  };
  const namesOf = (isLive: boolean) =>
    [...model.volumes.all()]
      .filter(({ expiresAtMs }) => (expiresAtMs === null) === isLive)
      .map(({ name }) => name)
      .toSorted();
  return {
    live,
    liveNames: () => namesOf(true),
    destroyedNames: () => namesOf(false),
    tags: (name) =>
      Object.fromEntries(
        (live(name)?.tags ?? []).map(({ key, value }) => [key, value]),
      ),
    sha256: async (name) => {
      const volume = live(name);
      return volume === undefined
        ? null
        : await sha256OfFile(dataPlane.pathOf(volume.id));
    },
    wrong: async (names, raw, sizeGb = 1) => {
      await using folder = await tempFolder();
      const expected = path.join(folder.path, "expected");
      await writeFile(expected, raw);
      const found = await Promise.all(
        names.map(async (name) => {
          const volume = live(name);
          const why =
            volume?.provisioned === sizeGb * bytesPerGb
              ? await difference(dataPlane.pathOf(volume.id), expected)
              : `${volume?.provisioned ?? "no"} bytes`;
          return why === null ? [] : [`${name}: ${why}`];
        }),
      );
      return found.flat();
    },
  };
}

/** Null when the files differ in nothing but zeroes at their end; holes take no time. */
async function difference(file: string, expected: string) {
  const formats = ["-f", "raw", "-F", "raw"];
  try {
    await promisify(execFile)("qemu-img", [
      "compare",
      ...formats,
      file,
      expected,
    ]);
    return null;
  } catch (error) {
    const { stdout, message } = error as Error & { stdout?: string };
    return stdout || message;
  }
}

async function openClient(simulator: Simulator): Promise<ArrayClient> {
  return await openArrayClient({
    address: new URL(simulator.url).host,
    apiToken: simulator.apiToken,
    trust: { kind: "fingerprint", sha256: simulator.fingerprint },
    restVersion: null,
    userAgent: "image-volume-cache-test/0",
    logger: silentLogger,
  });
}
