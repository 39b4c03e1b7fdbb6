import { type Fields, fieldsOf } from "./fields.ts";
import { humanDuration } from "./human-duration.ts";
import { humanTime } from "./human-time.ts";
import { printable } from "./printable.ts";
import { progressText } from "./progress-text.ts";
import { renderPairs } from "./render-pairs.ts";
import { type Column, renderTable } from "./render-table.ts";

const columns: readonly Column<Fields>[] = [
  { title: "VOLUME", cell: (v) => printable(v["volume_id"]) },
  { title: "NAME", cell: (v) => printable(v["name"]) },
  { title: "STATUS", cell: (v) => printable(v["status"]) },
  { title: "GIB", align: "right", cell: (v) => printable(v["size"]) },
  { title: "BACKEND", cell: (v) => printable(v["backend"]) },
  { title: "PATH", cell: (v) => printable(v["path"]) },
  { title: "IMAGE", cell: (v) => printable(v["image_id"]) },
  { title: "CREATED", cell: (v) => humanTime(v["created_at"]) },
];

/** Volumes as a table. */
export function volumeTable(volumes: readonly Fields[]): string {
  return renderTable(columns, volumes);
}

/** Everything about one volume. */
export function volumeDetails(volume: Fields): string {
  const { path, reason, error, progress } = volume;
  return renderPairs([
    ["volume", printable(volume["volume_id"])],
    ["name", given(volume["name"])],
    ["role", volume["role"] === "volume" ? null : given(volume["role"])],
    ["status", printable(volume["status"])],
    ["error", error ? printable(fieldsOf(error)["message"]) : null],
    ["progress", progress ? progressText(fieldsOf(progress)) : null],
    ["size", volume["size"] ? `${printable(volume["size"])} GiB` : "-"],
    [
      "path",
      reason ? `${printable(path)} (${printable(reason)})` : printable(path),
    ],
    ["backend", printable(volume["backend"])],
    ["host", printable(volume["host"])],
    ["provider id", printable(volume["provider_id"])],
    ["connection", connection(volume)],
    ["image", printable(volume["image_id"])],
    ["content", printable(volume["content"])],
    ["project", given(volume["project_id"])],
    ["metadata", pairs(volume["metadata"], printable)],
    ["timings", pairs(volume["timings_ms"], humanDuration)],
    ["created", humanTime(volume["created_at"])],
    ["updated", humanTime(volume["updated_at"])],
  ]);
}

function given(value: unknown): string | null {
  return value === null || value === undefined ? null : printable(value);
}

function connection(volume: Fields): string {
  const value = volume["connection"];
  if (value === null && volume["status"] === "available") {
    return "for each host: ivc volume connect <id> --host <host>";
  }
  const { driver_volume_type: type, data } = fieldsOf(value);
  const { device_path: devicePath } = fieldsOf(data);
  return type === undefined
    ? "-"
    : `${printable(type)} ${printable(devicePath ?? data)}`;
}

function pairs(
  value: unknown,
  text: (value: unknown) => string,
): string | null {
  const entries = Object.entries(fieldsOf(value));
  return entries.length === 0
    ? null
    : entries
        .map(([key, item]) => `${printable(key)}=${text(item)}`)
        .join(", ");
}
