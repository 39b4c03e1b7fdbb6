import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { FlashArrayBackend } from "../../../daemon/backends/flash-array/flash-array-backend.ts";
import type {
  BackendVolume,
  Seal,
} from "../../../daemon/backends/volume-backend.ts";
import {
  type BackendBench,
  mib,
  newAttempt,
  options,
} from "../../contract/backend-bench.ts";
import { FlashArrayRig } from "../../helpers/flash-array-rig.ts";

/** What happens to one request. */
const faults = [
  "reset-before",
  "reset-after",
  "truncated-json",
  "unavailable",
  "server-error",
] as const;

/** Everything that one step may use; its names are its own. */
interface Scene {
  readonly backend: FlashArrayBackend;
  readonly thorough: FlashArrayBackend;
  readonly bench: BackendBench;
}

/** A step: prepared without faults, then tried; `ids` are what its names are made of. */
type Step = (scene: Scene) => Promise<{
  readonly ids: readonly string[];
  readonly run: () => Promise<unknown>;
}>;

const restorable = { ...options, isRestorable: true };

function idsOf(...names: readonly string[]): string[] {
  return names.map(
    (name) =>
      /[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{10}(?=$|-[xr])/.exec(name)?.[0] ??
      name,
  );
}

const steps: Readonly<Record<string, Step>> = {
  "create image-volume": async ({ backend, bench }) => {
    const wanted = await Promise.resolve(bench.imageVolume());
    return {
      ids: idsOf(wanted.name),
      run: async () => await backend.createVolume(wanted, options),
    };
  },
  "create again over what was left": async ({ backend, bench }) => {
    const wanted = bench.imageVolume();
    await backend.createVolume(wanted, options);
    return {
      ids: idsOf(wanted.name),
      run: async () => await backend.createVolume(wanted, options),
    };
  },
  "create user's volume": async ({ backend, bench }) => {
    const wanted = await Promise.resolve(bench.attemptOf(bench.userVolume()));
    return {
      ids: idsOf(wanted.name),
      run: async () => await backend.createVolume(wanted, options),
    };
  },
  clone: async ({ backend, bench }) => {
    const from = await bench.sealed();
    const wanted = bench.userVolume();
    return {
      ids: idsOf(wanted.name),
      run: async () => await backend.cloneVolume(from, wanted, options),
    };
  },
  grow: async ({ backend, bench }) => {
    const clone = await bench.cloneOf(await bench.sealed(), bench.userVolume());
    return {
      ids: idsOf(clone.providerId),
      run: async () => await backend.extendVolume(clone, 8 * mib, options),
    };
  },
  seal: async ({ backend, bench }) => {
    const wanted = bench.imageVolume();
    const made = await backend.createVolume(wanted, options);
    const seal = sealFor(wanted.volumeId, wanted.entryKey);
    return {
      ids: idsOf(wanted.name),
      run: async () => await backend.seal(made, seal, options),
    };
  },
  rename: async ({ backend, bench }) => {
    const wanted = bench.userVolume();
    const made = await backend.createVolume(bench.attemptOf(wanted), options);
    return {
      ids: idsOf(wanted.name, made.providerId),
      run: async () => await backend.renameVolume(made, wanted.name, options),
    };
  },
  label: async ({ backend, bench }) => {
    const clone = await bench.cloneOf(await bench.sealed(), bench.userVolume());
    const label = {
      volumeId: "volume",
      projectId: "project",
      imageId: "image",
      attempt: "aaaaaaaaaa",
    };
    return {
      ids: idsOf(clone.providerId),
      run: async () => await backend.labelVolume(clone, label, options),
    };
  },
  "delete user's volume": async ({ backend, bench }) => {
    const clone = await bench.cloneOf(await bench.sealed(), bench.userVolume());
    return {
      ids: idsOf(clone.providerId),
      run: async () => await backend.deleteVolume(clone.providerId, options),
    };
  },
  evict: async ({ backend, bench }) => {
    const { providerId } = await bench.sealed();
    return {
      ids: idsOf(providerId),
      run: async () => await backend.deleteVolume(providerId, restorable),
    };
  },
  "delete and eradicate": async ({ thorough, bench }) => {
    const { providerId } = await bench.sealed();
    return {
      ids: idsOf(providerId),
      run: async () => await thorough.deleteVolume(providerId, options),
    };
  },
  restore: async ({ backend, bench }) => {
    const { providerId, seal } = await bench.sealed();
    await backend.deleteVolume(providerId, restorable);
    const found = await backend.findRestorable(seal.entryKey, options);
    const { entryKey } = seal;
    const attempt = newAttempt();
    const name = backend.nameFor({ kind: "image-volume", entryKey, attempt });
    return {
      ids: idsOf(providerId, name),
      run: async () => {
        const restored: BackendVolume | null =
          found === null
            ? null
            : await backend.restoreVolume(found, name, options);
        expect(restored?.providerId).toBe(name);
      },
    };
  },
};

function sealFor(volumeId: string, entryKey: string): Seal {
  return {
    volumeId,
    entryKey,
    content: "c".repeat(300),
    imageId: randomUUID(),
    virtualSizeBytes: mib,
    checksum: null,
    sealedAtMs: 1,
  };
}

describe("a change whose answer is lost on a FlashArray", () => {
  let rig: FlashArrayRig;
  let scene: Scene;
  const table: string[] = [];
  beforeAll(async () => {
    rig = await FlashArrayRig.start();
    const backend = await rig.open();
    const thorough = await rig.open({ isEradicating: true });
    scene = { backend, thorough, bench: rig.bench(backend) };
  });
  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
    process.stdout.write(`${table.join("\n")}\n`);
  });

  /** All volumes with one of these ids in their names, without what differs from run to run. */
  function endState(ids: readonly string[]) {
    const masked = (text: string) =>
      ids
        .reduce((rest, id, at) => rest.replaceAll(id, `<${at}>`), text)
        .replace(/[0-9a-f]{12}(?=-<)/, "<entry>")
        .replace(/-([xr])[0-9a-f]{6}$/, "-$1<serial>");
    return rig.simulator.model.volumes
      .all()
      .filter(({ name }) => ids.some((id) => name.includes(id)))
      .map(({ name, expiresAtMs, provisioned, sourceId }) => ({
        name: masked(name),
        isDestroyed: expiresAtMs !== null,
        provisioned,
        isClone: sourceId !== null,
        tags: Object.keys(rig.tags(name)).toSorted().join(),
      }))
      .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  }

  it.each(Object.entries(steps))(
    "ends as if nothing had happened: %s",
    async (title, step) => {
      const plain = await step(scene);
      const sent = await rig.requestsOf(plain.run);
      const expected = endState(plain.ids);
      const writes = sent.filter(({ method }) => method !== "GET");
      expect(writes.length).toBeGreaterThan(0);
      for (const [at, { method, path }] of writes.entries()) {
        const skip = writes
          .slice(0, at)
          .filter(
            (each) => each.method === method && each.path === path,
          ).length;
        for (const kind of faults) {
          const { ids, run } = await step(scene);
          const fault = { kind };
          const rule = { method, path, skip, fault };
          const cue = rig.simulator.faults.add(rule);
          const requests = await rig.requestsOf(run);
          expect([title, at, kind, cue.calls]).toEqual([title, at, kind, 1]);
          expect([title, at, kind, endState(ids)]).toEqual([
            title,
            at,
            kind,
            expected,
          ]);
          cue.remove();
          const line = [title, `${at + 1}. ${method} ${path}`, kind];
          const counts = `${sent.length} -> ${requests.length} requests`;
          table.push([...line, counts, "same end"].join(" | "));
        }
      }
    },
    120_000,
  );
});
