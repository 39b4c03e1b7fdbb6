import type { IncomingHttpHeaders } from "node:http";

/** A strong ETag without its quotes; null for a weak one, which does not promise equal bytes. */
export function etagOf(headers: IncomingHttpHeaders): string | null {
  const match = /^"(?<tag>[\x21\x23-\x7e]{1,256})"$/.exec(headers.etag ?? "");
  return match?.groups?.["tag"] ?? null;
}

/** `Last-Modified` as an ISO date; null when there is none. */
export function updatedAtOf(headers: IncomingHttpHeaders): string | null {
  const ms = Date.parse(headers["last-modified"] ?? "");
  return Number.isNaN(ms) ? null : new Date(ms).toISOString();
}

/** Total length from the `Content-Range` of a 206. */
export function totalOf(headers: IncomingHttpHeaders): number | null {
  const match = /^bytes \d+-\d+\/(?<total>\d{1,15})$/.exec(
    headers["content-range"] ?? "",
  );
  return match === null ? null : Number(match.groups?.["total"]);
}
