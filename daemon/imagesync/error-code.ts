/** The `code` of an error of Node or of a library; null for anything without one. */
export function errorCodeOf(error: unknown): string | null {
  const code =
    typeof error === "object" && error !== null && "code" in error
      ? error.code
      : null;
  return typeof code === "string" ? code : null;
}

/** True for what a system call failed with, such as ENOSPC. */
export function isSystemError(error: unknown): boolean {
  return (
    errorCodeOf(error) !== null &&
    typeof error === "object" &&
    error !== null &&
    "syscall" in error
  );
}

/** True for the error of a full file system. */
export function isNoSpace(error: unknown): boolean {
  const code = errorCodeOf(error);
  return code === "ENOSPC" || code === "EDQUOT";
}
