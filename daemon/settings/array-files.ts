import { readFileSync } from "node:fs";
import type { RawFlashArray } from "./backend-schema.ts";
import type { ArrayFiles } from "./backend-settings.ts";
import type { SecretReference } from "./secrets.ts";

/** Reads a secret by the key that names it; null after a problem, which was told. */
export type ReadSecret = (
  key: string,
  reference: SecretReference,
) => string | null;

const minChapSecret = 16;

/** What the settings of a FlashArray name and files have; what is wrong with that goes to `problems`, never the secret. */
export function readArrayFiles(
  name: string,
  raw: RawFlashArray,
  read: ReadSecret,
  problems: string[],
): ArrayFiles {
  const at = `backends.${name}`;
  return {
    apiToken: tokenOf(`${at}.pure_api_token`, raw, read, problems),
    chapSecret: raw.use_chap_auth
      ? chapSecretOf(`${at}.pure_chap_secret`, raw, read, problems)
      : null,
    caPem:
      raw.driver_ssl_cert_path === null
        ? null
        : pemOf(
            `${at}.driver_ssl_cert_path`,
            raw.driver_ssl_cert_path,
            problems,
          ),
  };
}

function tokenOf(
  key: string,
  { pure_api_token: reference }: RawFlashArray,
  read: ReadSecret,
  problems: string[],
): string {
  if (reference === null || reference === "") {
    problems.push(
      `${key} is missing: give the API token of an array user, as { file: "/path" } or { credential: "name" }`,
    );
    return "";
  }
  const token = read(key, reference);
  // It goes into a header.
  if (token !== null && !/^[\x21-\x7E]+$/.test(token)) {
    problems.push(
      `${key} has spaces, line breaks or other characters than a token has: give the token alone`,
    );
  }
  return token ?? "";
}

function chapSecretOf(
  key: string,
  { pure_chap_secret: reference }: RawFlashArray,
  read: ReadSecret,
  problems: string[],
): string | null {
  if (reference === null) {
    problems.push(
      `${key} is missing, and use_chap_auth is on: give a secret of at least ${minChapSecret} characters, the same to all daemons of this backend`,
    );
    return null;
  }
  const secret = read(key, reference);
  if (secret !== null && secret.length < minChapSecret) {
    problems.push(
      `${key} has ${secret.length} characters, need at least ${minChapSecret}`,
    );
  }
  return secret;
}

function pemOf(key: string, path: string, problems: string[]): string | null {
  try {
    const pem = readFileSync(path, "utf8");
    if (pem.includes("-----BEGIN CERTIFICATE-----")) {
      return pem;
    }
    problems.push(`${key} ${path} has no certificate: give a PEM file`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    problems.push(
      `${key} ${path} cannot be read (${code ?? "unknown"}): give the path of a PEM file`,
    );
  }
  return null;
}
