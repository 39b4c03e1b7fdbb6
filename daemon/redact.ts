const secretKey = /pass|secret|token|auth|cookie|credential|apikey/i;
const maxText = 2048;
const maxDepth = 6;

/** A URL, or a list of hosts with one scheme, without its passwords and its query. */
export function redactUrl(url: string): string {
  return url
    .replace(/([a-z][a-z0-9+.-]*:\/\/)([^@/\s]*?):[^@/\s]*@/gi, "$1$2:***@")
    .replace(/(,[^@,/\s:]*):[^@,/\s]*@/g, "$1:***@")
    .replace(/\?[^\s]*$/, "");
}

/** Text as it may be logged: without passwords in URLs, cut at 2 KiB. */
export function redactText(text: string): string {
  const clean = text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^@/\s]*@/gi, "$1***@");
  return clean.length > maxText ? `${clean.slice(0, maxText)}…` : clean;
}

/**
 * Any value as plain JSON that may be logged: keys that sound secret are masked, errors become name, code, message, the
 * top of the stack and their causes (nothing else: libraries hang requests and passwords on theirs).
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === "string") {
    return redactText(value);
  }
  if (typeof value === "bigint") {
    return value.toString();
  }
  if (value === null || typeof value !== "object") {
    return typeof value === "function" ? undefined : value;
  }
  if (depth >= maxDepth) {
    return "…";
  }
  if (value instanceof Error) {
    return redactError(value, depth);
  }
  if (Array.isArray(value)) {
    return value.slice(0, 100).map((each) => redact(each, depth + 1));
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      secretKey.test(key) && each !== null && typeof each !== "boolean"
        ? "***"
        : redact(each, depth + 1),
    ]),
  );
}

function redactError(error: Error, depth: number): unknown {
  const { code } = error as { code?: unknown };
  return {
    name: error.name,
    ...(code === undefined ? {} : { code: redact(code, depth + 1) }),
    message: redactText(error.message),
    stack: redactText((error.stack ?? "").split("\n").slice(1, 6).join("\n")),
    ...(error.cause === undefined
      ? {}
      : { cause: redact(error.cause, depth + 1) }),
  };
}
