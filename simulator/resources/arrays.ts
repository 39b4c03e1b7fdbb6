import type { ArrayModel } from "../model/array-model.ts";
import type { Endpoint, Item } from "../rest/endpoint.ts";
import type { Version } from "../version.ts";
import { integer, unpagedListing } from "./parameters.ts";
import { spaceItem, spaceSince } from "./space-item.ts";
import { arrayWrittenBytes } from "./volume-space.ts";

const arraySince: Readonly<Record<string, Version>> = {
  ...spaceSince("array"),
  _as_of: "2.26",
  encryption: "2.10",
  eradication_config: "2.6",
  "eradication_config.disabled_delay": "2.26",
  "eradication_config.enabled_delay": "2.26",
  ntp_symmetric_key: "2.26",
  time_zone: "2.26",
};

/** `arrays` and `arrays/space`, to be read only: whoever sends more to them has lost his way. */
export function arrayEndpoints(model: ArrayModel): readonly Endpoint[] {
  return [
    {
      method: "GET",
      path: "arrays",
      since: "2.2",
      query: {},
      listing: unpagedListing,
      fieldsSince: arraySince,
      handle: () =>
        model.read(async () => ({ items: [await arrayItem(model)] })),
    },
    {
      method: "GET",
      path: "arrays/space",
      since: "2.2",
      query: { end_time: integer, resolution: integer, start_time: integer },
      listing: unpagedListing,
      fieldsSince: spaceSince("array"),
      handle: () =>
        model.read(async () => ({
          items: [{ ...(await sizesOf(model)), time: model.now() }],
        })),
    },
  ];
}

async function arrayItem(model: ArrayModel): Promise<Item> {
  const { settings } = model;
  return {
    ...(await sizesOf(model)),
    _as_of: model.now(),
    banner: "",
    console_lock_enabled: false,
    encryption: {
      data_at_rest: { algorithm: "AES-256-CTR", enabled: true },
      module_version: "FA-1.3",
    },
    eradication_config: {
      disabled_delay: settings.eradicationDelayMs,
      enabled_delay: settings.eradicationDelayMs,
      eradication_delay: settings.eradicationDelayMs,
      manual_eradication: settings.manualEradication,
    },
    idle_timeout: settings.idleTimeoutMs,
    ntp_servers: [],
    ntp_symmetric_key: null,
    os: "Purity//FA",
    scsi_timeout: 60_000,
    time_zone: "UTC",
    version: settings.purityVersion,
  };
}

/** A full array has used all it has. */
async function sizesOf(model: ArrayModel): Promise<Item> {
  const { arrayName, capacityBytes, isFull } = model.settings;
  const provisioned = model.volumes
    .all()
    .reduce((sum, volume) => sum + volume.provisioned, 0);
  const written = isFull ? capacityBytes : await arrayWrittenBytes(model);
  return {
    id: model.id,
    name: arrayName,
    capacity: capacityBytes,
    parity: 1,
    space: spaceItem(model, "array", provisioned, written),
  };
}
