import { BackendError, BackendFullError } from "../../errors.ts";
import { ArrayRefusedError } from "./array-errors.ts";

/** Where something was refused. */
export interface RefusalPlace {
  /** As people know the backend. */
  readonly where: string;
  readonly pod: string | null;
}

/** True when the array says that something named is not there; it does so with status 400. */
export function isAbsent(error: unknown): error is ArrayRefusedError {
  return (
    error instanceof ArrayRefusedError &&
    error.says("does not exist", "no such volume or snapshot", "not found")
  );
}

/**
 * True when the array says that a name is taken, be it by something pending eradication; or refuses without words that
 * can be read, since then only a look tells.
 */
export function isTaken(error: unknown): error is ArrayRefusedError {
  return (
    error instanceof ArrayRefusedError &&
    error.says("already exists", "has been destroyed", "without a message")
  );
}

/** An array's refusal as an error that says what to do; anything else as it is. */
export function refusalOf(
  error: unknown,
  what: string,
  place: RefusalPlace,
): unknown {
  return error instanceof ArrayRefusedError
    ? (roomError(error, place) ?? otherError(error, what, place))
    : error;
}

function roomError(
  error: ArrayRefusedError,
  { where, pod }: RefusalPlace,
): BackendError | null {
  const options = { cause: error };
  if (error.says("quota")) {
    return new BackendFullError(
      `pod ${pod ?? "(none)"} of ${where}, whose quota counts volumes pending eradication too`,
      options,
    );
  }
  if (error.says("limit reached")) {
    return new BackendError(
      "BACKEND_LIMIT",
      `${where} has as many objects as it can have (${textOf(error)}); volumes pending eradication count too: eradicate some, or wait for the array to do so`,
      { ...options, retry: "later" },
    );
  }
  return error.says("no space", "enough space", "insufficient space", "is full")
    ? new BackendFullError(where, options)
    : null;
}

function otherError(
  error: ArrayRefusedError,
  what: string,
  { where, pod }: RefusalPlace,
): BackendError {
  const options = { cause: error };
  if (error.says("pod does not exist")) {
    return new BackendError(
      "BACKEND_CONFLICT",
      `${what} on ${where}: there is no pod ${pod ?? ""}; make it, or name another one`,
      { ...options, retry: "later" },
    );
  }
  if (error.says("eradication is disabled", "safemode", "retention lock")) {
    return new BackendError(
      "BACKEND_IO",
      `${what} on ${where}: SafeMode or a retention lock forbids it (${textOf(error)}); ask the administrator of the array`,
      { ...options, retry: "later" },
    );
  }
  return new BackendError(
    "BACKEND_IO",
    `${what} on ${where}: the array refused: ${textOf(error)}`,
    { ...options, retry: "later" },
  );
}

function textOf({ messages }: ArrayRefusedError): string {
  return messages
    .map(({ message, context }) =>
      context === null ? message : `${message} (${context})`,
    )
    .join("; ");
}
