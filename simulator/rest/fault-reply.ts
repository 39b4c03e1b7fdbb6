import type { Fault } from "../faults/fault.ts";
import type { Version } from "../version.ts";
import { errorReply, invalidSession, type Reply } from "./reply.ts";

/** A fault that is an answer of its own: nothing is executed. */
export type AnsweringFault = Extract<
  Fault,
  {
    readonly kind:
      | "unauthorized"
      | "forbidden"
      | "too-many-requests"
      | "unavailable"
      | "server-error"
      | "refuse";
  }
>;

const answering: ReadonlySet<Fault["kind"]> = new Set<AnsweringFault["kind"]>([
  "unauthorized",
  "forbidden",
  "too-many-requests",
  "unavailable",
  "server-error",
  "refuse",
]);

/** Tells the faults that are an answer from those that happen to one. */
export function isAnswering(fault: Fault): fault is AnsweringFault {
  return answering.has(fault.kind);
}

/** What a fault answers instead of the array. */
export function faultReply(
  fault: AnsweringFault,
  version: Version,
  arrayName: string,
): Reply {
  switch (fault.kind) {
    case "unauthorized":
      return invalidSession(version, arrayName);
    case "forbidden":
      return gateway(403, "You cannot consume this service");
    case "too-many-requests":
      return gateway(429, "API rate limit exceeded", {
        "X-RateLimit-Limit-second": "10",
        "X-RateLimit-Remaining-second": "0",
        "X-RateLimit-Limit-minute": "100",
        "X-RateLimit-Remaining-minute": "50",
        ...fault.headers,
      });
    case "unavailable":
      return {
        status: 503,
        headers: { "Content-Type": "text/html" },
        body: "<html><head><title>503 Service Temporarily Unavailable</title></head><body><h1>503</h1></body></html>\n",
      };
    case "server-error":
      return { status: 500, headers: {}, body: "" };
    case "refuse":
      return errorReply(400, fault.message, fault.context ?? null);
  }
}

function gateway(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return {
    status,
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify({ message }),
    error: message,
  };
}
