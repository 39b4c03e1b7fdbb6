import { Simulator } from "../../simulator/simulator.ts";
import type { Version } from "../../simulator/version.ts";
import type { Stage } from "./use-stage.ts";
import { sha256OfFile } from "./volume-bytes.ts";

/** A simulated array on a stage, and what a daemon needs to use it. */
export interface StageArray extends AsyncDisposable {
  readonly simulator: Simulator;
  /** The environment of a daemon whose only backend, `flasharray`, is this array; `more` are settings of the backend. */
  env(more?: Readonly<Record<string, unknown>>): Record<string, string>;
  /** Names of all volumes that live, those pending eradication left out. */
  liveNames(): readonly string[];
  /** sha256 of a volume's bytes, by its name on the array; null when there is no such live volume. */
  sha256(name: string): Promise<string | null>;
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
  const simulator = await Simulator.start({
    newest: options.newest ?? "2.26",
    dataPlane: options.dataPlane ?? "iscsi",
    folder,
  });
  return {
    simulator,
    env: (more) => ({
      // There is no backend that it belongs to.
      IVC_FILE_ROOT: "",
      NODE_CONFIG: JSON.stringify({
        backends: {
          file: null,
          flasharray: {
            driver: "flasharray",
            san_ip: new URL(simulator.url).host,
            pure_api_token: simulator.apiToken,
            driver_ssl_cert_path: simulator.caFile,
            ...more,
          },
        },
        defaultBackend: "flasharray",
        images: { scratchDir },
      }),
    }),
    liveNames: () =>
      [...simulator.model.volumes.all()]
        .filter(({ expiresAtMs }) => expiresAtMs === null)
        .map(({ name }) => name)
        .toSorted(),
    sha256: async (name) => {
      const volume = simulator.model.volumes.named(name);
      return volume === undefined || volume.expiresAtMs !== null
        ? null
        : await sha256OfFile(simulator.dataPlane.pathOf(volume.id));
    },
    [Symbol.asyncDispose]: async () => {
      await simulator[Symbol.asyncDispose]();
    },
  };
}
