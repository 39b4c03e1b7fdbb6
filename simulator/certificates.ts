import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";

/** What a TLS server and its clients need. */
export interface Certificates {
  /** PEM of the authority, for clients. */
  readonly caFile: string;
  readonly cert: string;
  readonly key: string;
  /** SHA-256 of the server's certificate, as `openssl x509 -fingerprint` writes it. */
  readonly fingerprint: string;
}

const run = promisify(execFile);
const names = "subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost";
const newKey = [
  "-newkey",
  "ec",
  "-pkeyopt",
  "ec_paramgen_curve:prime256v1",
  "-nodes",
];

/** Makes an authority and a certificate of it for 127.0.0.1, ::1 and localhost, with openssl, in this folder. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const file = (name: string) => path.join(folder, name);
  const caFile = file("ca.pem");
  const caKey = file("ca.key");
  await openssl(
    ["req", "-x509", ...newKey, "-days", "30"],
    ["-subj", "/CN=FlashArray simulator CA"],
    ["-addext", "keyUsage=critical,keyCertSign,cRLSign"],
    ["-keyout", caKey, "-out", caFile],
  );
  await openssl(
    ["req", ...newKey, "-subj", "/CN=FlashArray simulator"],
    ["-keyout", file("server.key"), "-out", file("server.csr")],
  );
  await writeFile(
    file("server.ext"),
    `basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n${names}\n`,
  );
  await openssl(
    ["x509", "-req", "-days", "30", "-in", file("server.csr")],
    ["-CA", caFile, "-CAkey", caKey, "-CAcreateserial"],
    ["-extfile", file("server.ext"), "-out", file("server.pem")],
  );
  const cert = await readFile(file("server.pem"), "utf8");
  return {
    caFile,
    cert,
    key: await readFile(file("server.key"), "utf8"),
    fingerprint: new X509Certificate(cert).fingerprint256,
  };
}

async function openssl(...args: readonly (readonly string[])[]): Promise<void> {
  try {
    await run("openssl", args.flat());
  } catch (error) {
    throw new Error(
      "openssl could not make the simulator's certificates; it has to be installed",
      { cause: error },
    );
  }
}
