import type { Logger } from "../../logger.ts";
import type { Options } from "../volume-backend.ts";
import type { ArrayClient } from "./array-client.ts";
import type { ArrayRules } from "./array-place.ts";
import { refusalOf } from "./array-refusals.ts";
import { FlashArrayBackend } from "./flash-array-backend.ts";
import type { HostConnections } from "./host-connections.ts";
import { openDataSet } from "./open-data-set.ts";
import { RecentClones } from "./recent-clones.ts";
import { type NameSettings, volumeNames } from "./volume-names.ts";

/** What a FlashArray backend is made of. */
export interface FlashArrayOptions extends NameSettings, ArrayRules {
  readonly name: string;
  /** Cinder's form, `node@backend#pool`. */
  readonly host: string;
  readonly client: ArrayClient;
  readonly hosts: HostConnections;
  /** What the index knows this backend as; null: it is new, so the marker may be made. */
  readonly recordedIdentity: string | null;
  readonly logger: Logger;
}

/**
 * Opens our part of an array: the marker volume, and the volume group where there is one, are made if they are absent.
 *
 * @throws {BackendError} `BACKEND_CONFLICT` when the marker's name is another's, or the pod is not there
 */
export async function createFlashArrayBackend(
  settings: FlashArrayOptions,
  options: Options,
): Promise<FlashArrayBackend> {
  const { name, host, client, hosts, logger, pod, volumeGroup } = settings;
  const names = volumeNames(settings);
  const where = { where: host, pod };
  try {
    const { marker, volumeSuffix } = names;
    const dataSetId = await openDataSet(
      { client, ...where, volumeGroup, marker, volumeSuffix },
      settings.recordedIdentity,
      options,
    );
    const { isEradicating, defaultProtection, qos } = settings;
    return new FlashArrayBackend(name, host, {
      client,
      names,
      ...where,
      rules: { isEradicating, defaultProtection, qos },
      dataSetId,
      recentClones: new RecentClones(),
      hosts,
      logger,
    });
  } catch (error) {
    throw refusalOf(error, "opening the backend", where);
  }
}
