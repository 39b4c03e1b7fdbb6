import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  ConnectionsRig,
  connectorOf,
  options,
} from "../../helpers/connections-rig.ts";

const run = promisify(execFile);

/** What an initiator needs to look at a LUN. */
interface Way {
  readonly initiator: string;
  readonly portal: unknown;
  readonly iqn: unknown;
  readonly lun: unknown;
  readonly chap: { readonly user: string; readonly password: string } | null;
}

/** The unit serial number that the device behind a portal tells; throws when nobody lets us in. */
async function serialOf({ initiator, portal, iqn, lun, chap }: Way) {
  const url = `iscsi://${String(portal)}/${String(iqn)}/${String(lun)}`;
  const { stdout } = await run(
    "iscsi-inq",
    ["-i", initiator, "-e", "1", "-c", "128", url],
    {
      timeout: 20_000,
      env: {
        ...process.env,
        ...(chap !== null && {
          LIBISCSI_CHAP_USERNAME: chap.user,
          LIBISCSI_CHAP_PASSWORD: chap.password,
        }),
      },
    },
  );
  return /serial number:\[\s*(\w+)\s*\]/i.exec(stdout)?.[1] ?? stdout;
}

describe.each([
  ["without CHAP", null],
  ["with CHAP", "a secret of the test"],
])("real initiators, %s,", (_, chapSecret) => {
  let rig: ConnectionsRig;

  beforeAll(async () => {
    rig = await ConnectionsRig.start({ newest: "2.26", dataPlane: "iscsi" });
  });

  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
  });

  it("reach a volume at every portal of a target, until it is disposed of", async () => {
    const daemon = await rig.daemon({ chapSecret });
    const volume = await rig.volume("ivc-tmp-1");
    const target = await daemon.openTarget(volume, options);
    expect(target.portals).toEqual(rig.simulator.dataPlane.portals);
    const { iqn, lun, chap } = target;
    const way = { initiator: target.initiatorName, iqn, lun, chap };
    for (const portal of target.portals) {
      await expect(serialOf({ ...way, portal })).resolves.toBe(volume.serial);
    }
    await target[Symbol.asyncDispose]();
    const portal = target.portals[0];
    await expect(serialOf({ ...way, portal })).rejects.toThrow("iscsi-inq");
  });

  it("reach a volume by its connection_info, until it is terminated", async () => {
    const daemon = await rig.daemon({ chapSecret });
    const volume = await rig.volume("volume-1-ivc");
    const connector = connectorOf(1);
    const { data } = await daemon.initialize(volume, connector, options);
    const ways = (data["target_portals"] as readonly unknown[]).map(
      (portal, i) => ({
        initiator: connector.initiator,
        portal,
        iqn: (data["target_iqns"] as readonly unknown[])[i],
        lun: (data["target_luns"] as readonly unknown[])[i],
        chap:
          chapSecret === null
            ? null
            : {
                user: data["auth_username"] as string,
                password: data["auth_password"] as string,
              },
      }),
    );
    for (const way of ways) {
      await expect(serialOf(way)).resolves.toBe(volume.serial);
    }
    const [way] = ways;
    await expect(
      serialOf({ ...way!, initiator: connectorOf(2).initiator }),
    ).rejects.toThrow("iscsi-inq");
    await daemon.terminate(volume.physicalName, connector, options);
    await expect(serialOf(way!)).rejects.toThrow("iscsi-inq");
  });
});

it("with a wrong password, nobody is let in", async () => {
  await using rig = await ConnectionsRig.start({ dataPlane: "iscsi" });
  const daemon = await rig.daemon({ chapSecret: "a secret of the test" });
  await using target = await daemon.openTarget(
    await rig.volume("ivc-tmp-1"),
    options,
  );
  const { iqn, lun, initiatorName } = target;
  const chap = { user: target.chap!.user, password: "not the password" };
  const portal = target.portals[0];
  await expect(
    serialOf({ initiator: initiatorName, portal, iqn, lun, chap }),
  ).rejects.toThrow("iscsi-inq");
});
