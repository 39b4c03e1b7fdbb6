import type { Access } from "../access.ts";
import type { Outcome, ReplyTarget } from "../jobs/job.ts";

/** An oslo RPC request, decoded and checked for everything but the meaning of its arguments. */
export interface RpcRequest {
  readonly method: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly access: Access;
  /** `_unique_id`; null when the sender gave none. */
  readonly uniqueId: string | null;
  /** Null for a cast. */
  readonly reply: ReplyTarget | null;
  /** True when another daemon passed it on: it is not passed on again. */
  readonly wasForwarded: boolean;
  /** True for a request from a broker user that may administrate (`rpc.adminBrokerUsers`), or when that is not set. */
  readonly mayAdministrate: boolean;
}

/**
 * What becomes of a request: `answer` is sent and the message acknowledged; `accepted` was journaled, is acknowledged,
 * and answered through the outbox; `forward` goes to a daemon that serves the backend.
 */
export type HandlerResult =
  | { readonly kind: "answer"; readonly outcome: Outcome }
  | { readonly kind: "accepted" }
  | { readonly kind: "forward"; readonly backend: string };

/**
 * Serves one method. A thrown error becomes the failure that the caller sees, except a `StoreUnavailableError`: then
 * the message is held and offered again.
 */
export type RpcHandler = (
  request: RpcRequest,
  options: { readonly signal: AbortSignal },
) => Promise<HandlerResult>;
