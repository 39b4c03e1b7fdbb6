import { BackendError } from "../../errors.ts";
import type { Options } from "../volume-backend.ts";
import type { ArrayClient } from "./array-client.ts";
import { arrayItem, arraySpaceItem } from "./array-items.ts";

/** The id of the array, which no other array has. */
export async function readArrayId(
  client: ArrayClient,
  where: string,
  options: Options,
): Promise<string> {
  const [array] = await client.list("arrays", {}, arrayItem, options);
  if (array === undefined) {
    throw new BackendError(
      "BACKEND_IO",
      `${where} does not tell which array it is; check san_ip and the rights of the API token`,
    );
  }
  return array.id;
}

/** Bytes that are free before reduction; null when the array does not tell. */
export async function readFreeBytes(
  client: ArrayClient,
  options: Options,
): Promise<number | null> {
  const [array] = await client.list(
    "arrays/space",
    {},
    arraySpaceItem,
    options,
  );
  const capacity = array?.capacity ?? null;
  const used = array?.space ?? null;
  return capacity === null || used === null
    ? null
    : Math.max(0, capacity - used);
}
