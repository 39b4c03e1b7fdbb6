import { BackendError } from "../../errors.ts";
import { type ArrayAnswer, mayBeDone } from "./array-answer.ts";
import { ArrayRefusedError, UnknownOutcomeError } from "./array-errors.ts";

/** Whom a failed call was for. */
export interface FailedCall {
  /** `FlashArray <address>`. */
  readonly where: string;
  /** Such as `PATCH volumes (request <id>)`. */
  readonly what: string;
  /** In words, for answers to a path that is not known. */
  readonly version: string;
  /** False for a change: what may have been done is then unknown. */
  readonly isRead: boolean;
}

/** An answer that is not a success as the error of its caller. */
export function arrayFailureOf(
  answer: Exclude<ArrayAnswer, { kind: "ok" }>,
  call: FailedCall,
): BackendError {
  const { where, what, version } = call;
  if (!call.isRead && mayBeDone(answer)) {
    return new UnknownOutcomeError(`${what} at ${where}`, {
      cause: new Error(answer.why),
    });
  }
  switch (answer.kind) {
    case "refused":
      return new ArrayRefusedError(`${where} refused ${what}`, answer.messages);
    case "unauthorized":
      return new BackendError(
        "ARRAY_LOGIN",
        `${where} takes the API token but not the session of ${what}: ${answer.says}`,
      );
    case "forbidden":
      return new BackendError(
        "ARRAY_FORBIDDEN",
        `${where} forbids ${what}: ${answer.says}; check the role of the API token's user (storage_admin is enough)`,
        { retry: "never" },
      );
    case "busy":
      return new BackendError(
        "ARRAY_BUSY",
        `${where} has too many requests to take ${what}; lower the number of calls, or see who else asks`,
      );
    case "unknown-path":
      return new BackendError(
        "ARRAY_ANSWER",
        `${where} does not know the path of ${what} in REST version ${version}`,
        { retry: "never" },
      );
    case "unusable":
      return new BackendError(
        "ARRAY_ANSWER",
        `${where} answered ${what} with something unusable: ${answer.why}`,
      );
    case "lost":
      return answer.isUntrusted
        ? untrusted(call, answer.why)
        : unreachable(call, answer.why);
    case "broken":
      return unreachable(call, answer.why);
  }
}

function unreachable({ where, what }: FailedCall, why: string): BackendError {
  return new BackendError(
    "ARRAY_UNREACHABLE",
    `${where} cannot be reached for ${what}: ${why}`,
  );
}

function untrusted({ where, what }: FailedCall, why: string): BackendError {
  return new BackendError(
    "ARRAY_UNTRUSTED",
    `${where} does not prove that it is the array (${what}): ${why}; check driver_ssl_cert_path or driver_ssl_cert_fingerprint, and that the address is the array's`,
    { retry: "never" },
  );
}
