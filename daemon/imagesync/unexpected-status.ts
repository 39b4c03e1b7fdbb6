import { ImageSourceError } from "../errors.ts";

/** A status that neither serves nor denies: the server's trouble, or a wrong endpoint. */
export function unexpectedStatus(
  status: number,
  where: string,
): ImageSourceError {
  if (status >= 300 && status < 400) {
    return new ImageSourceError(
      "SOURCE_REDIRECT",
      `${where} redirects (${status}), which is not followed; use the final address`,
      { retry: "never" },
    );
  }
  return status >= 500 || status === 429 || status === 408
    ? new ImageSourceError(
        "SOURCE_UNAVAILABLE",
        `${where} answered ${status}; try again later`,
      )
    : new ImageSourceError("SOURCE_REFUSED", `${where} answered ${status}`, {
        retry: "never",
      });
}
