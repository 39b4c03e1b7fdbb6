import { BackendError } from "../../errors.ts";
import type { Options } from "../volume-backend.ts";
import { readArrayId } from "./array-facts.ts";
import { keepSuffix } from "./marker-suffix.ts";
import { type MarkerPlace, openMarker, readMarker } from "./marker-volume.ts";

/** The identity of a data set: which array, and which marker volume on it. */
export function identityOf(arrayId: string, dataSetId: string): string {
  return `${arrayId}/${dataSetId}`;
}

/**
 * The data set id of this part of the array. Where the index knows one already, nothing is made: another array, or one
 * that lacks the marker, is only read.
 *
 * @throws {BackendError} `BACKEND_CONFLICT`
 */
export async function openDataSet(
  place: MarkerPlace,
  recordedIdentity: string | null,
  options: Options,
): Promise<string> {
  if (recordedIdentity === null) {
    return await openMarker(place, options);
  }
  const arrayId = await readArrayId(place.client, place.where, options);
  if (!recordedIdentity.startsWith(identityOf(arrayId, ""))) {
    throw conflict(
      `${place.where} is on the array ${arrayId}, and this Redis knows the backend as ${recordedIdentity} (array/marker); nothing was changed there: correct san_ip, or rename the backend`,
    );
  }
  const marker = await readMarker(place, options);
  if (identityOf(arrayId, marker.id) !== recordedIdentity) {
    throw conflict(
      `the marker volume ${place.marker} on ${place.where} is another one than this Redis knows (${recordedIdentity}); nothing was changed there: correct the prefix, pod or volume group, or rename the backend`,
    );
  }
  await keepSuffix(place, marker, options);
  return marker.id;
}

function conflict(what: string): BackendError {
  return new BackendError("BACKEND_CONFLICT", what, { retry: "never" });
}
