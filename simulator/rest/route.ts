import type { Version } from "../version.ts";

/** What the path of a URL asks for. */
export type Route =
  | { readonly kind: "versions" }
  | {
      readonly kind: "versioned";
      readonly version: Version;
      readonly path: string;
    }
  | { readonly kind: "other" };

/** Reads the path of a URL; whether there is such a version is for the caller to say. */
export function routeOf(pathname: string): Route {
  if (pathname === "/api/api_version") {
    return { kind: "versions" };
  }
  const match = /^\/api\/(2\.\d{1,4})\/(.+)$/u.exec(pathname);
  const [, version, path] = match ?? [];
  return version === undefined || path === undefined
    ? { kind: "other" }
    : { kind: "versioned", version: version as Version, path };
}
