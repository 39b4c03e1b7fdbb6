import type { ConnectionOptions, TLSSocket } from "node:tls";
import { BackendError } from "../../errors.ts";

/** Whom to believe that it is the array. */
export type TlsTrust =
  /** PEM of the authorities to trust; the name in the certificate is checked too. */
  | { readonly kind: "ca"; readonly pem: string }
  | { readonly kind: "system" }
  /** SHA-256 of the array's own certificate in hex, with or without colons; its name and dates do not matter. */
  | { readonly kind: "fingerprint"; readonly sha256: string }
  | { readonly kind: "insecure" };

/** How a connection is proved to lead to the array. */
export interface TlsCheck {
  readonly options: ConnectionOptions;
  /** Looks at a connection whose handshake is done: why it is not to be used, or null. */
  readonly objectionTo: (socket: TLSSocket) => string | null;
}

/** A trust as the options of a connection and what is to be checked before its first byte is sent. */
export function tlsCheckOf(trust: TlsTrust): TlsCheck {
  switch (trust.kind) {
    case "ca":
      return {
        options: { rejectUnauthorized: true, ca: trust.pem },
        objectionTo: () => null,
      };
    case "system":
      return {
        options: { rejectUnauthorized: true },
        objectionTo: () => null,
      };
    case "insecure":
      return {
        options: { rejectUnauthorized: false },
        objectionTo: () => null,
      };
    case "fingerprint": {
      const wanted = hexOf(trust.sha256);
      return {
        options: { rejectUnauthorized: false },
        objectionTo: (socket) => {
          const seen = socket.getPeerX509Certificate()?.fingerprint256 ?? "";
          return plain(seen) === wanted
            ? null
            : `its certificate has the SHA-256 fingerprint ${seen || "(none)"}, which is not the configured one`;
        },
      };
    }
  }
}

function hexOf(sha256: string): string {
  const hex = plain(sha256);
  if (!/^[0-9a-f]{64}$/.test(hex)) {
    throw new BackendError(
      "ARRAY_TRUST",
      "the fingerprint of the array's certificate is not a SHA-256 of 64 hex digits",
      { retry: "never" },
    );
  }
  return hex;
}

function plain(fingerprint: string): string {
  return fingerprint.replaceAll(":", "").trim().toLowerCase();
}
