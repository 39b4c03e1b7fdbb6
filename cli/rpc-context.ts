import { randomUUID } from "node:crypto";
import type { GlobalOptions } from "./global-options.ts";

/** The RPC context of one `ivc` run, with the keys of an oslo RequestContext. */
export interface RpcContext {
  readonly project_id: string | null;
  readonly user_id: string | null;
  readonly roles: readonly string[];
  readonly is_admin: boolean;
  readonly request_id: string;
  readonly auth_token: string | null;
  readonly [key: string]: unknown;
}

/** Says who asks; whether that is believed is the bus's matter (`rpc.adminBrokerUsers`). */
export function rpcContext(
  options: GlobalOptions,
  asAdmin: boolean,
): RpcContext {
  const isAdmin = asAdmin || options.admin === true;
  return {
    project_id: options.project || null,
    user_id: options.user || null,
    roles: isAdmin ? ["admin"] : [],
    is_admin: isAdmin,
    request_id: `req-${randomUUID()}`,
    auth_token: options.token || null,
  };
}
