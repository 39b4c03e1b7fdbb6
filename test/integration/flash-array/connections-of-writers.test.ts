import {
  afterAll,
  afterEach,
  beforeAll,
  describe,
  expect,
  it,
} from "@jest/globals";
import {
  ConnectionsRig,
  connectorOf,
  options,
} from "../../helpers/connections-rig.ts";

let rig: ConnectionsRig;
let number = 0;

beforeAll(async () => {
  rig = await ConnectionsRig.start({ newest: "2.26" });
});

afterEach(() => {
  rig.simulator.faults.clear();
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

/** Volumes that nobody else uses. */
async function volumes(count: number) {
  number += 1;
  const names = Array.from({ length: count }, (_, i) => `v-${number}-${i}`);
  return await Promise.all(names.map(async (name) => await rig.volume(name)));
}

/** The LUNs that were asked for, with what the array said. */
function asked(mark: number) {
  return rig.simulator.log
    .calls("POST", "connections", mark)
    .map(({ body, status }) => ({
      lun: (body as { readonly lun?: number } | null)?.lun ?? null,
      status,
    }));
}

describe("a volume that is written", () => {
  it("never gets the LUN of the one before, even when that one is gone", async () => {
    const daemon = await rig.daemon();
    const luns: number[] = [];
    for (const volume of await volumes(6)) {
      const target = await daemon.openTarget(volume, options);
      luns.push(target.lun);
      await target[Symbol.asyncDispose]();
    }
    expect(new Set(luns).size).toBe(6);
    expect(Math.max(...luns)).toBeLessThanOrEqual(255);
  });

  it("gets another LUN than those of another backend on the same host", async () => {
    const daemons = [await rig.daemon(), await rig.daemon()];
    const luns: number[] = [];
    for (const [i, volume] of (await volumes(6)).entries()) {
      const target = await daemons[i % 2]!.openTarget(volume, options);
      luns.push(target.lun);
      await target[Symbol.asyncDispose]();
    }
    expect(new Set(luns).size).toBe(6);
  });

  it("gets the next LUN when somebody has taken the one that was meant", async () => {
    const daemon = await rig.daemon();
    const [first, foreign, mine] = await volumes(3);
    const { lun } = await daemon.openTarget(first!, options);
    const [next, afterNext] = [(lun % 255) + 1, ((lun + 1) % 255) + 1];
    await rig.change(
      "POST",
      "connections",
      {
        host_names: "ivc-writer-node-1",
        volume_names: foreign!.physicalName,
      },
      { lun: next },
    );
    const mark = rig.simulator.log.mark();
    const target = await daemon.openTarget(mine!, options);
    expect(target.lun).toBe(afterNext);
    expect(asked(mark)).toEqual([
      { lun: next, status: 400 },
      { lun: afterNext, status: 200 },
    ]);
  });

  it("is not asked for again at another LUN when something else is refused", async () => {
    const daemon = await rig.daemon();
    const [volume] = await volumes(1);
    rig.simulator.faults.add({
      method: "POST",
      path: "connections",
      fault: { kind: "refuse", message: "Connections limit reached." },
    });
    const mark = rig.simulator.log.mark();
    await expect(daemon.openTarget(volume!, options)).rejects.toMatchObject({
      code: "ARRAY_REFUSED",
    });
    expect(asked(mark)).toHaveLength(1);
  });

  it("is connected anew where a dead attempt left it connected", async () => {
    const dead = await rig.daemon();
    const heir = await rig.daemon();
    const [volume] = await volumes(1);
    const left = await dead.openTarget(volume!, options);
    const target = await heir.openTarget(volume!, options);
    expect(target.lun).not.toBe(left.lun);
    const rows = await rig.connections();
    expect(
      rows
        .filter((row) => row.volume === volume!.physicalName)
        .map(({ lun }) => lun),
    ).toEqual([target.lun]);
  });

  it("leaves the choice to the array where an instance wants it", async () => {
    const daemon = await rig.daemon();
    const [volume] = await volumes(1);
    const mark = rig.simulator.log.mark();
    await daemon.initialize(volume!, connectorOf(60), options);
    expect(asked(mark)).toEqual([{ lun: null, status: 200 }]);
    expect(
      rig.simulator.log.calls("POST", "connections", mark)[0]!.body,
    ).toBeNull();
  });
});
