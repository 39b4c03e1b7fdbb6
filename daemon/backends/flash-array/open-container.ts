import { BackendError } from "../../errors.ts";
import type { Options } from "../volume-backend.ts";
import type { ArrayClient } from "./array-client.ts";
import { anyItem, podItem, volumeGroupItem } from "./array-items.ts";
import { isAbsent, isTaken } from "./array-refusals.ts";
import { isAtLeast } from "./rest-version.ts";
import { untilKnown } from "./until-known.ts";

/** Where all our volumes are to be. */
export interface ContainerPlace {
  readonly client: ArrayClient;
  readonly where: string;
  readonly pod: string | null;
  readonly volumeGroup: string | null;
}

/** Checks the pod, and makes the volume group where it is absent. */
export async function openContainer(
  place: ContainerPlace,
  options: Options,
): Promise<void> {
  await checkPod(place, options);
  await ensureVolumeGroup(place, options);
}

async function checkPod(
  { client, pod, where }: ContainerPlace,
  options: Options,
): Promise<void> {
  if (pod === null) {
    return;
  }
  const query = { names: [pod] };
  const items = await orNone(
    async () => await client.list("pods", query, podItem, options),
  );
  const [found] = items;
  if (found === undefined || found.destroyed) {
    throw new BackendError(
      "BACKEND_CONFLICT",
      `there is no pod ${pod} on ${where}${found?.destroyed === true ? " but a destroyed one" : ""}; pods are not made here, since they decide about replication: make it, or name another one`,
      { retry: "never" },
    );
  }
  checkSpelling("pod", pod, found, where);
  if ((found.promotion_status ?? "promoted") !== "promoted") {
    throw new BackendError(
      "BACKEND_CONFLICT",
      `pod ${pod} on ${where} is ${found.promotion_status ?? ""}, so nothing can be written in it; promote it`,
      { retry: "later" },
    );
  }
}

async function ensureVolumeGroup(
  { client, pod, volumeGroup, where }: ContainerPlace,
  options: Options,
): Promise<void> {
  if (volumeGroup === null) {
    return;
  }
  if (pod !== null && !isAtLeast(client.version, { major: 2, minor: 20 })) {
    throw new BackendError(
      "CONFIG_INVALID",
      `${where} has no volume groups inside pods: that needs REST 2.20 or newer; leave out the volume group or the pod`,
      { retry: "never" },
    );
  }
  const name = `${pod === null ? "" : `${pod}::`}${volumeGroup}`;
  const look = async () => await lookAtGroup(client, name, options);
  const found =
    (await look()) ?? (await makeGroup(client, name, look, options));
  if (found === null || found.destroyed) {
    throw new BackendError(
      "BACKEND_CONFLICT",
      `the volume group ${name} on ${where} is destroyed; recover it, or name another one`,
      { retry: "never" },
    );
  }
  checkSpelling("volume group", name, found, where);
}

/** Arrays take names in any case but tell their own; ours are compared by the letter. */
function checkSpelling(
  kind: string,
  given: string,
  { name }: { readonly name: string },
  where: string,
): void {
  if (name !== given) {
    throw new BackendError(
      "BACKEND_CONFLICT",
      `the ${kind} ${given} on ${where} is called ${name} there; set it with these letters`,
      { retry: "never" },
    );
  }
}

/** A volume group as it was read. */
interface Group {
  readonly name: string;
  readonly destroyed: boolean;
}

async function lookAtGroup(
  client: ArrayClient,
  name: string,
  options: Options,
): Promise<Group | null> {
  const query = { names: [name] };
  const items = await orNone(
    async () =>
      await client.list("volume-groups", query, volumeGroupItem, options),
  );
  return items[0] ?? null;
}

async function makeGroup(
  client: ArrayClient,
  name: string,
  look: () => Promise<Group | null>,
  options: Options,
): Promise<Group | null> {
  const query = { names: [name] };
  try {
    await untilKnown(
      async () =>
        await client.write(
          { method: "POST", path: "volume-groups", query, body: {} },
          anyItem,
          options,
        ),
      async () => ((await look()) === null ? null : []),
    );
  } catch (error) {
    // Another daemon made it first.
    if (!isTaken(error)) {
      throw error;
    }
  }
  return await look();
}

async function orNone<T>(
  read: () => Promise<readonly T[]>,
): Promise<readonly T[]> {
  try {
    return await read();
  } catch (error) {
    if (isAbsent(error)) {
      return [];
    }
    throw error;
  }
}
