import { ArrayRefusal } from "../array-refusal.ts";
import type { ArrayModel } from "../model/array-model.ts";
import { snapshotName, snapshotNamed } from "../model/find-volume.ts";
import { splitVolumeName } from "../model/object-names.ts";
import {
  changeSnapshots,
  eradicateSnapshotsByHand,
  takeSnapshots,
} from "../model/snapshots.ts";
import type { SnapshotRecord, VolumeRecord } from "../model/volume-record.ts";
import type { Endpoint, Item, Query } from "../rest/endpoint.ts";
import { object } from "./body-shapes.ts";
import { boolean, list, since, string, totalListing } from "./parameters.ts";
import { pickBy } from "./pick-objects.ts";
import { spaceItem, spaceSince } from "./space-item.ts";
import { referenceItem, timeRemaining } from "./volume-item.ts";
import { withoutNulls } from "./without-nulls.ts";

const path = "volume-snapshots";
const fieldsSince = spaceSince("snapshot");

/** `volume-snapshots`: list, take, rename or destroy or recover, eradicate. */
export function volumeSnapshotEndpoints(
  model: ArrayModel,
): readonly Endpoint[] {
  return [
    listing(model),
    {
      method: "POST",
      path,
      since: "2.0",
      query: {
        allow_throttle: since(boolean, "2.26"),
        on: string,
        source_ids: list,
        source_names: list,
      },
      body: object({ destroyed: "boolean", suffix: "string" }),
      fieldsSince,
      handle: ({ query, body }) =>
        model.change(async () => {
          const { suffix } = withoutNulls(body) as { readonly suffix?: string };
          const volumes = sourcesOf(model, query) ?? [];
          checkSources(volumes, query);
          const taken = await takeSnapshots(model, volumes, suffix);
          return { items: taken.map((one) => snapshotItem(model, one)) };
        }),
    },
    {
      method: "PATCH",
      path,
      since: "2.0",
      query: { ids: list, names: list, replication_snapshot: boolean },
      body: object({ destroyed: "boolean", name: "string" }),
      fieldsSince,
      handle: ({ query, body }) =>
        model.change(() => {
          const snapshots = pickSnapshots(model, query);
          changeSnapshots(
            model,
            snapshots,
            withoutNulls(body) as {
              readonly name?: string;
              readonly destroyed?: boolean;
            },
          );
          return { items: snapshots.map((one) => snapshotItem(model, one)) };
        }),
    },
    {
      method: "DELETE",
      path,
      since: "2.0",
      query: { ids: list, names: list, replication_snapshot: boolean },
      handle: ({ query }) =>
        model.change(async () => {
          await eradicateSnapshotsByHand(model, pickSnapshots(model, query));
          return { items: [] };
        }),
    },
  ];
}

function listing(model: ArrayModel): Endpoint {
  return {
    method: "GET",
    path,
    since: "2.0",
    query: {
      destroyed: boolean,
      ids: list,
      names: list,
      source_ids: list,
      source_names: list,
    },
    listing: totalListing,
    hasTotal: true,
    fieldsSince,
    handle: ({ query }) =>
      model.read(() => ({ items: listSnapshots(model, query) })),
  };
}

/** There is no other array to take snapshots on. */
function checkSources(volumes: readonly VolumeRecord[], query: Query): void {
  if (volumes.length === 0 || query.string("on") !== undefined) {
    // Invented text.
    throw new ArrayRefusal("Sources on this array are required.");
  }
}

function listSnapshots(model: ArrayModel, query: Query): readonly Item[] {
  const isGiven =
    query.list("names") !== undefined || query.list("ids") !== undefined;
  const isDestroyed = query.boolean("destroyed");
  const sources = sourcesOf(model, query);
  const candidates = isGiven
    ? pickSnapshots(model, query)
    : [...model.snapshots.values()];
  const isWanted = ({ expiresAtMs }: SnapshotRecord): boolean =>
    isDestroyed === undefined || isDestroyed === (expiresAtMs !== null);
  const other = candidates.find((snapshot) => !isWanted(snapshot));
  if (isGiven && other !== undefined) {
    throw new ArrayRefusal(
      "No such volume or snapshot.",
      snapshotName(model, other),
    );
  }
  return candidates
    .filter(
      (snapshot) =>
        isWanted(snapshot) &&
        (sources?.some(({ id }) => id === snapshot.volumeId) ?? true),
    )
    .map((snapshot) => snapshotItem(model, snapshot));
}

function sourcesOf(
  model: ArrayModel,
  query: Query,
): readonly VolumeRecord[] | undefined {
  return pickBy(
    model.volumes,
    { names: query.list("source_names"), ids: query.list("source_ids") },
    "Volume",
  );
}

function pickSnapshots(
  model: ArrayModel,
  query: Query,
): readonly SnapshotRecord[] {
  const keys = query.list("names") ?? query.list("ids") ?? [];
  const isByName = query.list("names") !== undefined;
  const picked = keys.map((key) => {
    const found = isByName
      ? snapshotNamed(model, key)
      : model.snapshots.get(key);
    if (found === undefined) {
      throw new ArrayRefusal("No such volume or snapshot.", key);
    }
    return found;
  });
  if (picked.length === 0) {
    // Invented text.
    throw new ArrayRefusal("Names or ids are required.");
  }
  return picked;
}

function snapshotItem(model: ArrayModel, snapshot: SnapshotRecord): Item {
  const volume = model.volumes.withId(snapshot.volumeId);
  const { pod, group } = splitVolumeName(volume?.name ?? "");
  return {
    id: snapshot.id,
    name: snapshotName(model, snapshot),
    created: snapshot.createdMs,
    destroyed: snapshot.expiresAtMs !== null,
    pod: referenceItem(pod === null ? undefined : model.pods.named(pod)),
    provisioned: snapshot.provisioned,
    serial: snapshot.serial,
    source: referenceItem(volume),
    space: spaceItem(model, "snapshot", snapshot.provisioned),
    suffix: snapshot.suffix,
    time_remaining: timeRemaining(model, snapshot.expiresAtMs),
    volume_group: referenceItem(
      group === null ? undefined : model.volumeGroups.named(group),
    ),
  };
}
