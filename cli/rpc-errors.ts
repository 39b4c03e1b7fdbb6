/** A failure that the daemon answered with. */
export class RpcRemoteError extends Error {
  override readonly name = "RpcRemoteError";
  /** Class of the remote exception, such as `ImageNotFound`. */
  readonly remoteClass: string;
  /** HTTP status, where the daemon gave one. */
  readonly status: number | null;
  /** The daemon's stable word, such as `IMAGE_CORRUPT`. */
  readonly errorCode: string | null;

  constructor(remote: {
    readonly remoteClass: string;
    readonly message: string;
    readonly status: number | null;
    readonly errorCode: string | null;
  }) {
    super(remote.message);
    this.remoteClass = remote.remoteClass;
    this.status = remote.status;
    this.errorCode = remote.errorCode;
  }
}

/** No answer came: `RPC_TIMEOUT`, `RPC_NO_SERVER`, `RPC_CLOSED` or `RPC_BAD_REPLY`. */
export class RpcUnansweredError extends Error {
  override readonly name = "RpcUnansweredError";
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.code = code;
  }
}
