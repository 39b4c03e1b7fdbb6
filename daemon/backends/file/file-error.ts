import { BackendError, BackendFullError, DaemonError } from "../../errors.ts";

const advice: Readonly<Record<string, string>> = {
  EACCES: "let the daemon's user read and write there",
  EPERM: "let the daemon's user read and write there",
  EROFS: "the file system is read-only: mount it writable",
  EIO: "the disk fails: see the kernel's log",
  ENOENT: "is the file system mounted?",
  EMFILE: "raise the limit of open files (LimitNOFILE)",
};

/** The system's code of an error, such as `ENOENT`; "" when it has none. */
export function errorCode(error: unknown): string {
  return Error.isError(error) &&
    "code" in error &&
    typeof error.code === "string"
    ? error.code
    : "";
}

/** An error of the file system as one of ours; ours and abortions pass as they are. */
export function fileError(error: unknown, what: string, root: string): Error {
  if (error instanceof DaemonError) {
    return error;
  }
  const code = errorCode(error);
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new BackendFullError(root, { cause: error });
  }
  if (code === "") {
    return Error.isError(error) ? error : new Error(String(error));
  }
  return new BackendError(
    "BACKEND_IO",
    `${what} failed (${code}); ${advice[code] ?? `check the file system of ${root}`}`,
    { cause: error },
  );
}
