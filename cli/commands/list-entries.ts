import type { DaemonSession } from "../daemon-session.ts";
import { type Fields, fieldsList, fieldsOf } from "../output/fields.ts";

/** All entries of a backend's cache, most recently used first, asked for page by page. */
export async function listEntries(
  daemon: DaemonSession,
  backend: string | undefined,
): Promise<readonly Fields[]> {
  const entries: Fields[] = [];
  let marker: unknown = null;
  do {
    const answer = fieldsOf(
      await daemon.call("cache_list", {
        ...(backend === undefined ? {} : { backend }),
        ...(typeof marker === "string" ? { marker } : {}),
      }),
    );
    entries.push(...fieldsList(answer["entries"]));
    marker = answer["next_marker"];
  } while (typeof marker === "string");
  return entries;
}
