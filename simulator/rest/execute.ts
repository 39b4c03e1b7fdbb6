import { ArrayRefusal } from "../array-refusal.ts";
import type { Version } from "../version.ts";
import { checkBody } from "./check-body.ts";
import type { EndpointTable } from "./endpoint-table.ts";
import type { Endpoint } from "./endpoint.ts";
import { leaveOutNewer } from "./leave-out-newer.ts";
import { listReply } from "./list-reply.ts";
import type { Pages } from "./pages.ts";
import { parseQuery } from "./parse-query.ts";
import { emptyReply, errorReply, jsonReply, type Reply } from "./reply.ts";

/** A request whose path, method and session are known to be good. */
export interface Execution {
  readonly endpoint: Endpoint;
  readonly version: Version;
  /** As in the URL. */
  readonly queryText: string;
  readonly bodyText: string;
}

/** Checks a request, does it, and shapes the answer. A refusal of the array is an answer too. */
export async function execute(
  execution: Execution,
  table: EndpointTable,
  pages: Pages,
): Promise<Reply> {
  try {
    return await answered(execution, table, pages);
  } catch (error) {
    if (error instanceof ArrayRefusal) {
      return errorReply(400, error.message, error.context);
    }
    // A mistake of the simulator, not of the client: it must not look like an answer of an array.
    const text = Error.isError(error) ? String(error.stack) : String(error);
    process.stderr.write(`simulator: ${text}\n`);
    return errorReply(500, `The simulator failed: ${text.split("\n", 1)[0]}`);
  }
}

async function answered(
  { endpoint, version, queryText, bodyText }: Execution,
  table: EndpointTable,
  pages: Pages,
): Promise<Reply> {
  const query = parseQuery(queryText, endpoint, version);
  const body = checkBody(bodyText, endpoint, version);
  const answer = await endpoint.handle({ version, query, body });
  table.learn(endpoint.path, answer.items);
  if (endpoint.method === "DELETE") {
    return emptyReply();
  }
  const sample = table.sampleOf(endpoint.path);
  const fieldsSince = table.fieldsSinceOf(endpoint.path);
  const items = answer.items.map((item) =>
    leaveOutNewer(item, fieldsSince, version),
  );
  if (endpoint.method !== "GET") {
    return jsonReply({ items });
  }
  const shape =
    sample === undefined
      ? undefined
      : leaveOutNewer(sample, fieldsSince, version);
  return listReply({ endpoint, version, query, items, shape }, pages);
}
