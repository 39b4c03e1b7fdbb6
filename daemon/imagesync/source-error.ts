import { DaemonError, ImageSourceError } from "../errors.ts";
import { errorCodeOf } from "./error-code.ts";

interface Verdict {
  readonly code: string;
  readonly says: string;
  readonly retry: "never" | "later";
}

const unavailable: Verdict = {
  code: "SOURCE_UNAVAILABLE",
  says: "cannot be reached",
  retry: "later",
};
const cut: Verdict = {
  code: "SOURCE_CUT",
  says: "cut the connection",
  retry: "later",
};
const untrusted: Verdict = {
  code: "SOURCE_TLS",
  says: "has a TLS certificate that is not trusted; fix it, or name its authority in images.caFile",
  retry: "never",
};
const silent: Verdict = {
  code: "SOURCE_NO_RESPONSE",
  says: "did not answer in time",
  retry: "later",
};

/** What the codes of sockets, TLS and got mean for a source. */
const verdicts: Readonly<Record<string, Verdict>> = {
  EAI_AGAIN: unavailable,
  ECONNREFUSED: unavailable,
  EHOSTUNREACH: unavailable,
  ENETUNREACH: unavailable,
  ENOTFOUND: unavailable,
  ECONNRESET: cut,
  EPIPE: cut,
  ERR_HTTP_CONTENT_LENGTH_MISMATCH: cut,
  ERR_STREAM_PREMATURE_CLOSE: cut,
  ETIMEDOUT: silent,
  CERT_HAS_EXPIRED: untrusted,
  CERT_NOT_YET_VALID: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  ERR_SSL_WRONG_VERSION_NUMBER: untrusted,
  ERR_TLS_CERT_ALTNAME_INVALID: untrusted,
  EPROTO: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
};

/** An HTTP client's failure as an error of ours; `where` names the source without secrets. */
export function sourceErrorOf(error: unknown, where: string): DaemonError {
  const own = ownErrorIn(error);
  if (own !== null) {
    return own;
  }
  const code = errorCodeOf(error) ?? "unknown error";
  const verdict = verdicts[code] ?? {
    code: "SOURCE_FAILED",
    says: "broke the download off",
    retry: "later",
  };
  // The client's own error carries headers and URLs with secrets, so only its code goes on.
  return new ImageSourceError(
    verdict.code,
    `${where} ${verdict.says} (${code})`,
    {
      retry: verdict.retry,
      cause: new Error(code),
    },
  );
}

function ownErrorIn(error: unknown): DaemonError | null {
  let current = error;
  for (let depth = 0; depth < 5; depth += 1) {
    if (current instanceof DaemonError) {
      return current;
    }
    if (typeof current !== "object" || current === null) {
      return null;
    }
    current = "cause" in current ? current.cause : null;
  }
  return null;
}
