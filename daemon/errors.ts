/** What a caller of the failed step may do: try again never, at once, or after a pause. */
export type Retry = "never" | "now" | "later";

/**
 * Whose fault it is: of the `image` (shared by everybody who waits for it, remembered for a short time), of the
 * `request` (that create only) or of the `daemon` and what it stands on (this attempt only).
 */
export type FaultScope = "image" | "request" | "daemon";

/** What a {@link DaemonError} is made of besides its message. */
export interface DaemonErrorOptions extends ErrorOptions {
  readonly code: string;
  readonly retry: Retry;
  readonly scope?: FaultScope;
  /** Name of the remote exception: Cinder's word where it has one. */
  readonly remoteClass?: string;
  /** The HTTP status Cinder gives to such a failure. */
  readonly status?: number;
}

/** Every error of ours: a stable `code`, what to do about it, and how it looks on the wire. */
export class DaemonError extends Error {
  override readonly name: string = "DaemonError";
  readonly code: string;
  readonly retry: Retry;
  readonly scope: FaultScope;
  readonly remoteClass: string;
  readonly status: number;

  constructor(message: string, options: DaemonErrorOptions) {
    super(message, options);
    this.code = options.code;
    this.retry = options.retry;
    this.scope = options.scope ?? "daemon";
    this.remoteClass = options.remoteClass ?? "VolumeBackendAPIException";
    this.status = options.status ?? 500;
  }
}

/** A request that cannot be served as it is: nothing was done, and repeating it unchanged is useless. */
export class RequestError extends DaemonError {
  override readonly name = "RequestError";

  constructor(
    code: string,
    message: string,
    options: Partial<DaemonErrorOptions> = {},
  ) {
    super(`${code}: ${message}`, {
      remoteClass: "InvalidInput",
      status: 400,
      ...options,
      code,
      retry: "never",
      scope: "request",
    });
  }
}

/** An image that cannot be used, whoever asks for it: corrupt, unsafe, of a wrong format, changed while read. */
export class ImageError extends DaemonError {
  override readonly name = "ImageError";

  constructor(
    code: string,
    message: string,
    options: Partial<DaemonErrorOptions> = {},
  ) {
    super(`${code}: ${message}`, {
      remoteClass: "ImageUnacceptable",
      status: 400,
      retry: "never",
      ...options,
      code,
      scope: "image",
    });
  }
}

/** The image source failed to deliver (cut, stalled, refused, 5xx): another try may succeed. */
export class ImageSourceError extends DaemonError {
  override readonly name = "ImageSourceError";

  constructor(
    code: string,
    message: string,
    options: Partial<DaemonErrorOptions> = {},
  ) {
    super(`${code}: ${message}`, {
      remoteClass: "ImageCopyFailure",
      status: 500,
      retry: "later",
      scope: "image",
      ...options,
      code,
    });
  }
}

/** A storage backend refused or failed an operation. */
export class BackendError extends DaemonError {
  override readonly name: string = "BackendError";

  constructor(
    code: string,
    message: string,
    options: Partial<DaemonErrorOptions> = {},
  ) {
    super(`${code}: ${message}`, {
      remoteClass: "VolumeBackendAPIException",
      status: 500,
      retry: "later",
      ...options,
      code,
      scope: "daemon",
    });
  }
}

/** The backend has no room: another try helps only after an eviction. */
export class BackendFullError extends BackendError {
  override readonly name = "BackendFullError";

  constructor(where: string, options?: ErrorOptions) {
    super(
      "BACKEND_FULL",
      `no space left on ${where}; free space or lower the cache limits`,
      { ...options, retry: "later" },
    );
  }
}

/** The shared store (Redis) cannot be reached or refuses writes; the outcome of the last command is unknown. */
export class StoreUnavailableError extends DaemonError {
  override readonly name = "StoreUnavailableError";

  constructor(message: string, options?: ErrorOptions) {
    super(`REDIS_UNAVAILABLE: ${message}`, {
      ...options,
      code: "REDIS_UNAVAILABLE",
      retry: "later",
      status: 503,
    });
  }
}

/** Somebody else owns the job or the entry now: stop, and touch only what carries the own attempt. */
export class LostClaimError extends DaemonError {
  override readonly name = "LostClaimError";

  constructor(what: string) {
    super(`CLAIM_LOST: ${what} was taken over by another daemon`, {
      code: "CLAIM_LOST",
      retry: "never",
    });
  }
}

/** The request was cancelled, by `delete_volume` or because the daemon drains. */
export class CancelledError extends DaemonError {
  override readonly name = "CancelledError";

  constructor(message: string) {
    super(`CANCELLED: ${message}`, {
      code: "CANCELLED",
      retry: "never",
      scope: "request",
      status: 409,
      remoteClass: "InvalidVolume",
    });
  }
}

/** An error as it is kept in the journal and sent to callers: plain data, no stack, no secrets. */
export interface Fault {
  readonly code: string;
  readonly remoteClass: string;
  readonly status: number;
  readonly scope: FaultScope;
  readonly retry: Retry;
  readonly message: string;
}

/** Any thrown value as a {@link Fault}; what is not ours becomes `INTERNAL` without its details. */
export function faultOf(error: unknown): Fault {
  if (error instanceof DaemonError) {
    const { code, remoteClass, status, scope, retry, message } = error;
    return { code, remoteClass, status, scope, retry, message };
  }
  return {
    code: "INTERNAL",
    remoteClass: "VolumeBackendAPIException",
    status: 500,
    scope: "daemon",
    retry: "later",
    message:
      "INTERNAL: unexpected failure in ivcd; its log has the details under this request id",
  };
}

/** The error a stored {@link Fault} came from, to be thrown again where its owner waits. */
export function errorOf(fault: Fault): DaemonError {
  return new DaemonError(fault.message, fault);
}

/** Throws the signal's reason, if it was aborted, as an error of ours. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) {
    throw signal.reason instanceof Error
      ? signal.reason
      : new CancelledError("the operation was aborted");
  }
}
