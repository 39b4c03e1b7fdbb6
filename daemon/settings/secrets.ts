import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Where a secret is: in place, in a file, or one of systemd's credentials. */
export type SecretReference =
  | null
  | string
  | { readonly file: string }
  | { readonly credential: string };

/**
 * The secret itself, without the newline that editors leave at its end; null when there is none.
 *
 * @throws {Error} that says what is wrong with the file; never its content.
 */
export function readSecret(
  reference: SecretReference,
  environment: Readonly<Record<string, string | undefined>>,
): string | null {
  if (reference === null || typeof reference === "string") {
    return reference;
  }
  if ("file" in reference) {
    return readSecretFile(reference.file, true);
  }
  const directory = environment["CREDENTIALS_DIRECTORY"];
  if (directory === undefined || directory === "") {
    throw new Error(
      `names the credential ${reference.credential}, but CREDENTIALS_DIRECTORY is not set: run under systemd with LoadCredential=${reference.credential}:…, or use { file: … }`,
    );
  }
  if (!/^[A-Za-z0-9_.-]+$/.test(reference.credential)) {
    throw new Error(
      "names a credential with other characters than A-Z a-z 0-9 _ . -",
    );
  }
  return readSecretFile(join(directory, reference.credential), false);
}

function readSecretFile(path: string, checkMode: boolean): string {
  let content: string;
  try {
    if (checkMode && (statSync(path).mode & 0o007) !== 0) {
      throw new Error(`${path} can be read by every user: chmod 600 it`);
    }
    content = readFileSync(path, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw code === undefined
      ? error
      : new Error(`${path} cannot be read (${code})`, { cause: error });
  }
  if (content === "") {
    throw new Error(`${path} is empty`);
  }
  return content;
}
