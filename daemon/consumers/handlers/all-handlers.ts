import type { RpcHandler } from "../rpc-request.ts";
import {
  cacheEvictHandler,
  cacheListHandler,
  cacheShowHandler,
  cacheStatsHandler,
} from "./cache-handlers.ts";
import {
  initializeConnectionHandler,
  terminateConnectionHandler,
} from "./connection-handlers.ts";
import { createVolumeHandler } from "./create-volume-handler.ts";
import { deleteVolumeHandler } from "./delete-volume-handler.ts";
import type { HandlerTools } from "./handler-tools.ts";
import {
  getVolumeHandler,
  listVolumesHandler,
} from "./volume-query-handlers.ts";

/** The methods of RPC version 1.0, by name; `oslo_rpc_server_ping` is the server's own. */
export function allHandlers(
  tools: HandlerTools,
): ReadonlyMap<string, RpcHandler> {
  return new Map([
    ["create_volume", createVolumeHandler(tools)],
    ["delete_volume", deleteVolumeHandler(tools)],
    ["get_volume", getVolumeHandler(tools)],
    ["list_volumes", listVolumesHandler(tools)],
    ["initialize_connection", initializeConnectionHandler(tools)],
    ["terminate_connection", terminateConnectionHandler(tools)],
    ["cache_list", cacheListHandler(tools)],
    ["cache_show", cacheShowHandler(tools)],
    ["cache_evict", cacheEvictHandler(tools)],
    ["cache_stats", cacheStatsHandler(tools)],
  ]);
}
