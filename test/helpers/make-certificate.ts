import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A key and a certificate that is its own authority. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
  /** SHA-256, with colons. */
  readonly fingerprint: string;
}

/** Makes a certificate for `subjectAltName`, such as `IP:127.0.0.1`. */
export async function makeCertificate(
  folder: string,
  name: string,
  subjectAltName: string,
): Promise<Certificate> {
  const [keyFile, certFile] = [`${name}.key`, `${name}.pem`].map((file) =>
    path.join(folder, file),
  ) as [string, string];
  await run("openssl", [
    ..."req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test".split(" "),
    "-addext",
    `subjectAltName=${subjectAltName}`,
    ..."-keyout".split(" "),
    keyFile,
    "-out",
    certFile,
  ]);
  const cert = await readFile(certFile, "utf8");
  return {
    key: await readFile(keyFile, "utf8"),
    cert,
    fingerprint: new X509Certificate(cert).fingerprint256,
  };
}
