const secretKey = /pass|secret|token|auth|cookie|credential|apikey/i;
const maxText = 2048;
const maxDepth = 6;

/** One host of a list, with or without user and password; none of them has an `@` of its own. */
const listedHost = /^(?:([^:@/]*):[^@/]*@|([^:@/]*)@)?([^@/]+(?:\/[^@]*)?)$/;

/** A URL, or a list of hosts with one scheme, as it may be shown: users and hosts stay, passwords and queries go. */
export function redactUrl(url: string): string {
  const [, scheme = "", rest = url] =
    /^([a-z][a-z0-9+.-]*:\/\/)(.*)$/is.exec(url) ?? [];
  const bare = rest.replace(/\?.*$/s, "");
  const hosts = bare.split(",").map((host) => listedHost.exec(host));
  if (hosts.every((host) => host !== null)) {
    const shown = hosts.map(([, user, userAlone, host = ""]) =>
      user === undefined
        ? `${userAlone === undefined ? "" : `${userAlone}@`}${host}`
        : `${user}:***@${host}`,
    );
    return scheme + shown.join(",");
  }
  // A password with odd characters: everything before the last @ may belong to it.
  const user = /^[^:@/,]*/.exec(bare)?.[0] ?? "";
  return `${scheme}${user}:***@${bare.slice(bare.lastIndexOf("@") + 1)}`;
}

/**
 * Text as it may be logged, cut at 2 KiB: of each URL what stands before its last `@` is masked, since a password may
 * hold any character, and its query is left out, since that of a signed URL is a secret.
 */
export function redactText(text: string): string {
  const clean = text
    .replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s"'<>]*@/gi, "$1***@")
    .replace(/([a-z][a-z0-9+.-]*:\/\/[^\s"'<>?]*)\?[^\s"'<>]*/gi, "$1?***");
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
