import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fieldsOf, textOf } from "../../cli/output/fields.ts";
import { ControlServer } from "../../simulator/control/control-server.ts";
import { Simulator } from "../../simulator/simulator.ts";
import { mountXfs, type XfsFolder } from "../xfs.ts";
import type {
  CallDaemon,
  ExpectedVolume,
  Place,
  VolumeBytes,
} from "./place.ts";
import { readLun } from "./read-lun.ts";

/* The host that reads what the daemon has written. */
const connector = {
  host: "demo-reader",
  initiator: "iqn.1993-08.org.debian:01:demo-reader",
};

/** A FlashArray, simulated in this process, whose volumes are LUNs that real initiators write and read. */
export async function startArrayPlace(): Promise<Place> {
  await using stack = new AsyncDisposableStack();
  const disk = stack.use(await mountXfs({ sizeGb: 40 }));
  const at = (name: string) => join(disk.path, name);
  for (const name of ["scratch", "read", "secrets"]) {
    await mkdir(at(name), { mode: 0o700 });
  }
  const simulator = stack.use(
    await Simulator.start({ dataPlane: "iscsi", folder: at("array") }),
  );
  const control = stack.use(await ControlServer.start(simulator, 0));
  const tokenFile = at("secrets/api-token");
  const chapFile = at("secrets/chap-secret");
  await writeFile(tokenFile, simulator.apiToken, { mode: 0o600 });
  await writeFile(chapFile, randomBytes(24).toString("hex"), { mode: 0o600 });
  const settings = {
    backends: {
      file: null,
      flasharray: {
        driver: "flasharray",
        san_ip: new URL(simulator.url).host,
        pure_api_token: { file: tokenFile },
        driver_ssl_cert_path: simulator.caFile,
        use_chap_auth: true,
        pure_chap_secret: { file: chapFile },
      },
    },
    defaultBackend: "flasharray",
    images: { scratchDir: at("scratch") },
  };
  const owned = stack.move();
  return {
    backend: "flasharray",
    introduction: introduction(simulator, disk),
    // A root would belong to no backend here.
    env: { IVC_FILE_ROOT: undefined, NODE_CONFIG: JSON.stringify(settings) },
    hasCheapClones: disk.isReflink,
    keepsEvicted: true,
    reading: `Every volume is compared with its image, read by another iSCSI host (${connector.host}, with CHAP)`,
    goneClaim: "its name is free on the array",
    nameOf: (answer) => textOf(answer["provider_id"]),
    fileOf: (name) => fileOf(simulator, name),
    open: async (volume, call, signal) =>
      await openVolume(volume, call, at("read"), signal),
    leftOf: (name) =>
      Promise.resolve(
        simulator.model.volumes.named(name) === undefined
          ? null
          : `the array has ${name}`,
      ),
    litter: () => litter(simulator),
    byHand: (anyVolumeId) => byHand(simulator, control.url, anyVolumeId),
    [Symbol.asyncDispose]: async () => {
      await owned.disposeAsync();
    },
  };
}

function introduction(simulator: Simulator, disk: XfsFolder): string[] {
  const { url, dataPlane } = simulator;
  return [
    `array     a simulated FlashArray at ${url}, iSCSI at ${dataPlane.portals.join(" and ")}`,
    `          its volumes ${disk.isReflink ? "with reflinks" : "without reflinks: every clone is a copy"}, in ${disk.path}`,
    ...(disk.reason === null
      ? []
      : [`          no XFS of its own: ${disk.reason}`]),
  ];
}

function fileOf({ model, dataPlane }: Simulator, name: string): string {
  const volume = model.volumes.named(name);
  if (volume === undefined || volume.expiresAtMs !== null) {
    throw new Error(`the array has no volume ${name}`);
  }
  return dataPlane.pathOf(volume.id);
}

async function openVolume(
  { id }: ExpectedVolume,
  call: CallDaemon,
  folder: string,
  signal: AbortSignal,
): Promise<VolumeBytes> {
  const which = { volume_id: id, connector };
  const info = fieldsOf(await call("initialize_connection", which));
  try {
    return await readLun(info, connector.initiator, folder, signal);
  } finally {
    await call("terminate_connection", which);
  }
}

/* The writer's host may stay; what it is connected to may not. */
function litter({ model }: Simulator): string[] {
  const halves = [...model.volumes.all()].filter(
    ({ name, expiresAtMs }) => expiresAtMs === null && name.includes("-tmp-"),
  );
  return [
    ...halves.map(({ name }) => `volume ${name}`),
    ...model.connections.map(({ volumeId }) => {
      return `connection of ${model.volumes.withId(volumeId)?.name ?? volumeId}`;
    }),
  ];
}

function byHand(
  { url, apiToken, caFile }: Simulator,
  controlUrl: string,
  volumeId: string,
): string {
  return `The array:  ${url}
API token:  ${apiToken}
Authority:  ${caFile}
Control:    ${controlUrl} (docs/simulator.md has what it can do)

curl -s --cacert ${caFile} ${url}/api/api_version
session=$(curl -s --cacert ${caFile} -X POST -H 'api-token: ${apiToken}' -o /dev/null -D - \\
  ${url}/api/2.26/login | tr -d '\\r' | awk 'tolower($1) == "x-auth-token:" { print $2 }')
curl -s --cacert ${caFile} -H "x-auth-token: $session" '${url}/api/2.26/volumes?limit=5'
curl -s ${controlUrl}/log | tail -n 30

A host reaches a volume, and lets go of it:

bin/ivc volume connect ${volumeId} --host compute-1 --initiator iqn.1993-08.org.debian:01:compute-1
bin/ivc volume disconnect ${volumeId} --host compute-1 --initiator iqn.1993-08.org.debian:01:compute-1

`;
}
