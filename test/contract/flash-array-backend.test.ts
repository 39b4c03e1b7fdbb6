import { FlashArrayRig } from "../helpers/flash-array-rig.ts";
import { volumeBackendContract } from "./volume-backend.contract.ts";

for (const newest of ["2.4", "2.16", "2.26", "2.36"] as const) {
  volumeBackendContract(`flasharray, REST ${newest}`, async () => {
    const rig = await FlashArrayRig.start({ newest });
    return rig.underTest(await rig.open());
  });
}

volumeBackendContract("flasharray, in a volume group of a pod", async () => {
  const rig = await FlashArrayRig.start();
  await rig.asAdmin("POST", "pods", { names: ["dr"] }, {});
  return rig.underTest(await rig.open({ pod: "dr", volumeGroup: "cache" }));
});
