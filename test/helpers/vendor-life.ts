import type { ArrayClient } from "../../daemon/backends/flash-array/array-client.ts";
import { createFlashArrayBackend } from "../../daemon/backends/flash-array/create-flash-array-backend.ts";
import type { FlashArrayBackend } from "../../daemon/backends/flash-array/flash-array-backend.ts";
import {
  HostConnections,
  type HostConnectionsOptions,
} from "../../daemon/backends/flash-array/host-connections.ts";
import { openArrayClient } from "../../daemon/backends/flash-array/open-array-client.ts";
import type {
  BackendVolume,
  NewVolume,
  Seal,
} from "../../daemon/backends/volume-backend.ts";
import { silentLogger } from "../../daemon/logger.ts";
import { isAtLeast, type Version } from "../../simulator/version.ts";
import { BackendBench, mib, options } from "../contract/backend-bench.ts";
import { connectorOf } from "./connections-rig.ts";
import { FlashArrayRig, type RigBackendOptions } from "./flash-array-rig.ts";
import { makeCertificate } from "./make-certificate.ts";
import { tempFolder } from "./temp-folder.ts";
import { type VendorExchange, VendorRecorder } from "./vendor-recorder.ts";

const restorable = { ...options, isRestorable: true };
const protections = [{ name: "pgroup-auto" }];

/** What is on the wire while a backend does all that it can on an array that knows REST up to `newest`. */
export async function recordLife(
  newest: Version,
): Promise<readonly VendorExchange[]> {
  await using folder = await tempFolder();
  const certificate = await makeCertificate(
    folder.path,
    "recorder",
    "IP:127.0.0.1",
  );
  await using rig = await FlashArrayRig.start({
    newest,
    settings: { defaultProtection: protections },
  });
  const { url } = rig.simulator;
  await using recorder = await VendorRecorder.open(certificate, url);
  {
    await using life = new Life(rig, recorder, newest);
    await life.ofImageVolumes();
    await life.inContainers();
    await life.ofConnections();
    await life.ofRefusals();
  }
  return recorder.exchanges;
}

class Life implements AsyncDisposable {
  readonly #rig: FlashArrayRig;
  readonly #recorder: VendorRecorder;
  readonly #newest: Version;
  readonly #clients = new AsyncDisposableStack();

  constructor(rig: FlashArrayRig, recorder: VendorRecorder, newest: Version) {
    this.#rig = rig;
    this.#recorder = recorder;
    this.#newest = newest;
  }

  async ofImageVolumes(): Promise<void> {
    const qos = { maxIOPS: 1000, maxBWS: 10 * mib };
    const backend = await this.#open({ qos, defaultProtection: "none" });
    const bench = new BackendBench(this.#rig.underTest(backend));
    const wanted = bench.imageVolume();
    const image = await backend.createVolume(wanted, options);
    const target = await backend.openTarget(image, options);
    await target[Symbol.asyncDispose]();
    await backend.seal(image, sealOf(wanted, wanted.entryKey), options);
    const user = bench.userVolume();
    const attempt = bench.attemptOf(user);
    const clone = await backend.cloneVolume(image, attempt, options);
    await backend.extendVolume(clone, 8 * mib, options);
    const volume = await backend.renameVolume(clone, user.name, options);
    await backend.labelVolume(volume, labelOf(user), options);
    await backend.find(volume.providerId, options);
    await this.#connect(backend, volume);
    await this.#lists(backend, bench, image);
    await backend.deleteVolume(volume.providerId, options);
    await backend.deleteVolume(image.providerId, restorable);
    const evicted = await backend.findRestorable(wanted.entryKey, options);
    if (evicted === null) {
      throw new Error("nothing to restore");
    }
    await backend.restoreVolume(evicted, bench.imageVolume().name, options);
  }

  /** A pod, a volume group of it where there are such, eradication, default protection. */
  async inContainers(): Promise<void> {
    await this.#rig.asAdmin("POST", "pods", { names: ["dr"] }, {});
    const hasGroupsInPods = isAtLeast(this.#newest, "2.20");
    for (const place of [
      { pod: "dr", volumeGroup: hasGroupsInPods ? "cache" : null },
      { pod: null, volumeGroup: "cache" },
    ]) {
      const backend = await this.#open({ ...place, isEradicating: true });
      const bench = new BackendBench(this.#rig.underTest(backend));
      const from = await bench.sealed();
      const clone = await bench.cloneOf(from, bench.userVolume());
      await this.#connect(backend, clone);
      await backend.deleteVolume(clone.providerId, options);
      await backend.deleteVolume(from.providerId, options);
    }
  }

  async ofConnections(): Promise<void> {
    const backend = await this.#open();
    const bench = new BackendBench(this.#rig.underTest(backend));
    const from = await bench.sealed();
    for (const protocol of ["iscsi", "nvme-tcp", "fc"] as const) {
      if (protocol !== "nvme-tcp" || isAtLeast(this.#newest, "2.21")) {
        const other = await this.#open({}, { protocol, personality: "esxi" });
        const volume = await bench.cloneOf(from, bench.userVolume());
        await this.#connect(other, volume);
        await other.deleteVolume(volume.providerId, options);
      }
    }
  }

  async ofRefusals(): Promise<void> {
    const backend = await this.#open({ isEradicating: true });
    const bench = new BackendBench(this.#rig.underTest(backend));
    const from = await bench.sealed();
    const { settings } = this.#rig.simulator.model;
    await backend.deleteVolume(bench.userVolume().name, options);
    const absent = { ...from, providerId: bench.imageVolume().name };
    await refused(bench.cloneOf(absent, bench.userVolume()));
    settings.isFull = true;
    await refused(bench.cloneOf(from, bench.userVolume()));
    settings.isFull = false;
    const taken = bench.userVolume();
    await this.#rig.foreign(taken.name);
    await refused(bench.cloneOf(from, taken));
    settings.manualEradication = "all-disabled";
    await backend.deleteVolume(from.providerId, options);
    this.#rig.simulator.sessions.revokeAll();
    await backend.freeBytes(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#clients.disposeAsync();
  }

  async #lists(
    backend: FlashArrayBackend,
    bench: BackendBench,
    from: BackendVolume,
  ): Promise<void> {
    for (let made = 0; made < 4; made += 1) {
      await bench.cloneOf(from, bench.userVolume());
    }
    const { settings } = this.#rig.simulator.model;
    const whole = settings.pageSize;
    settings.pageSize = 2;
    await bench.names();
    settings.pageSize = whole;
    await backend.identity(options);
    await backend.freeBytes(options);
  }

  async #connect(
    backend: FlashArrayBackend,
    volume: BackendVolume,
  ): Promise<void> {
    const connector = connectorOf(1);
    await backend.initializeConnection(volume, connector, options);
    await backend.initializeConnection(volume, connectorOf(2), options);
    await backend.terminateConnection(volume, connector, options);
    await backend.terminateConnection(volume, null, options);
  }

  async #open(
    settings: RigBackendOptions = {},
    access: Partial<HostConnectionsOptions> = { chapSecret: "of this test" },
  ): Promise<FlashArrayBackend> {
    const client = this.#clients.use(await this.#client());
    const base = { prefix: "ivc", logger: silentLogger, client };
    const hosts = new HostConnections({
      ...base,
      node: "node1",
      protocol: "iscsi",
      chapSecret: null,
      personality: null,
      iscsiCidrs: [],
      nvmeCidrs: [],
      initiatorName: "iqn.2026-01.org.example:node1",
      ...access,
    });
    return await createFlashArrayBackend(
      {
        ...base,
        name: "flash",
        host: "node1@flash#pool",
        volumeSuffix: "-ivc",
        pod: null,
        volumeGroup: null,
        isEradicating: false,
        defaultProtection: "array",
        qos: null,
        recordedIdentity: null,
        ...settings,
        hosts,
      },
      options,
    );
  }

  async #client(): Promise<ArrayClient> {
    const { address, fingerprint } = this.#recorder;
    return await openArrayClient({
      address,
      apiToken: this.#rig.simulator.apiToken,
      trust: { kind: "fingerprint", sha256: fingerprint },
      restVersion: null,
      userAgent: "image-volume-cache-test/0",
      logger: silentLogger,
    });
  }
}

function sealOf({ volumeId, sizeBytes }: NewVolume, entryKey: string): Seal {
  return {
    volumeId,
    entryKey,
    content: `sha512:${"a".repeat(128)}/raw`,
    imageId: "an image, with a comma & more",
    virtualSizeBytes: sizeBytes,
    checksum: `sha512:${"a".repeat(128)}`,
    sealedAtMs: 1_767_225_600_000,
  };
}

function labelOf({ volumeId }: NewVolume) {
  return {
    volumeId,
    projectId: "a project",
    imageId: "an image",
    attempt: "aaaaaaaaaa",
  };
}

async function refused(work: Promise<unknown>): Promise<void> {
  const [outcome] = await Promise.allSettled([work]);
  if (outcome.status === "fulfilled") {
    throw new Error("it was to be refused");
  }
}
