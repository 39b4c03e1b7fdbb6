import type { Version } from "../version.ts";
import { EndpointTable } from "./endpoint-table.ts";
import type { Endpoint } from "./endpoint.ts";
import { execute } from "./execute.ts";
import { Pages } from "./pages.ts";
import type { ReadRequest } from "./read-request.ts";
import {
  emptyReply,
  errorReply,
  invalidSession,
  jsonReply,
  type Reply,
} from "./reply.ts";
import type { OpenRequest } from "./request-log.ts";
import type { Sessions } from "./sessions.ts";

/** Switches of the array that the server itself obeys; read with each request. */
export interface RestSettings {
  /** A session ends after so long without a request; 0 is never. */
  readonly idleTimeoutMs: number;
  /** The most items in one answer. */
  readonly pageSize: number;
  /** As errors of sessions name the array. */
  readonly arrayName: string;
}

/** What the router needs. */
export interface RouterOptions {
  readonly endpoints: readonly Endpoint[];
  readonly settings: RestSettings;
  readonly sessions: Sessions;
  readonly apiVersions: readonly Version[];
  readonly apiToken: string;
}

/** Listed before the 2.x ones, as arrays do; they are not served. */
const oldVersions = Array.from({ length: 20 }, (_, minor) => `1.${minor}`);

/** The array user whose token it is. */
const userName = "pureuser";

/** Finds out what a request asks for, and whether it may. */
export class RestRouter {
  apiVersions: readonly Version[];
  readonly #options: RouterOptions;
  readonly #table: EndpointTable;
  readonly #pages: Pages;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.apiVersions = options.apiVersions;
    this.#table = new EndpointTable(options.endpoints);
    this.#pages = new Pages(options.settings);
  }

  /** Answers a request; `entry` learns whose it is. */
  async route(request: ReadRequest, entry: OpenRequest): Promise<Reply> {
    const { route, method } = request;
    const { apiVersions } = this;
    switch (route.kind) {
      case "versions":
        return method === "GET"
          ? jsonReply({ version: [...oldVersions, ...apiVersions] })
          : notAllowed(method, ["GET"]);
      case "other":
        return notFound(request.path);
      case "versioned":
        return apiVersions.includes(route.version)
          ? await this.#versioned(request, route.version, entry)
          : notFound(`REST version ${route.version}`);
    }
  }

  async #versioned(
    request: ReadRequest,
    version: Version,
    entry: OpenRequest,
  ): Promise<Reply> {
    const { method, path, queryText, bodyText } = request;
    if (path === "login" || path === "logout") {
      return this.#loginOrOut(request, version, entry);
    }
    const methods = this.#table.methodsOf(path, version);
    if (methods.size === 0) {
      return notFound(`${path} in REST version ${version}`);
    }
    const endpoint = methods.get(method);
    if (endpoint === undefined) {
      return notAllowed(method, [...methods.keys()]);
    }
    const session = this.#options.sessions.use(request.headers["x-auth-token"]);
    if (session === null) {
      return invalidSession(version, this.#options.settings.arrayName);
    }
    entry.setUser(session.user);
    return await execute(
      { endpoint, version, queryText, bodyText },
      this.#table,
      this.#pages,
    );
  }

  #loginOrOut(
    request: ReadRequest,
    version: Version,
    entry: OpenRequest,
  ): Reply {
    const { method, path, queryText, bodyText, headers } = request;
    if (method !== "POST") {
      return notAllowed(method, ["POST"]);
    }
    if (queryText !== "" || bodyText !== "") {
      return errorReply(400, `A ${path} takes no query and no body.`);
    }
    return path === "login"
      ? this.#login(headers["api-token"], entry)
      : this.#logout(headers["x-auth-token"], version, entry);
  }

  #login(token: string | undefined, entry: OpenRequest): Reply {
    const { apiToken, sessions } = this.#options;
    if (token !== apiToken) {
      return errorReply(401, "Invalid API token.");
    }
    entry.setUser(userName);
    const session = sessions.open(userName);
    // Arrays differ in the case of header names; every second login finds the careless client.
    const header = sessions.logins % 2 === 1 ? "x-auth-token" : "X-Auth-Token";
    return jsonReply(
      { items: [{ username: userName }] },
      { [header]: session },
    );
  }

  #logout(
    token: string | undefined,
    version: Version,
    entry: OpenRequest,
  ): Reply {
    const { sessions, settings } = this.#options;
    const session = sessions.use(token);
    if (session === null) {
      return invalidSession(version, settings.arrayName);
    }
    entry.setUser(session.user);
    sessions.revoke(token);
    return emptyReply();
  }
}

function notFound(what: string): Reply {
  return errorReply(404, `Not found: ${what}.`);
}

function notAllowed(method: string, allowed: readonly string[]): Reply {
  const reply = errorReply(405, `${method} is not allowed here.`);
  return { ...reply, headers: { ...reply.headers, Allow: allowed.join(", ") } };
}
