import { ImageSourceError, RequestError } from "../../errors.ts";

interface Rule {
  /** Null: both http and https. */
  readonly protocol: string | null;
  readonly hostname: string;
  /** Null: the scheme's own. */
  readonly port: string | null;
  readonly path: string;
}

const defaultPorts: Readonly<Record<string, string>> = {
  "http:": "80",
  "https:": "443",
};

const schemes = new Set(["http:", "https:"]);

/** Which URLs the daemon may read: entries are `host[:port]` or URL prefixes such as `https://host/images/`. */
export class UrlAllowList {
  readonly #rules: readonly Rule[];

  constructor(entries: readonly string[]) {
    this.#rules = entries.map((entry) => ruleOf(entry));
  }

  /** The URL of a request, checked. */
  check(text: string): URL {
    const url = parse(text);
    if (!schemes.has(url.protocol)) {
      throw new RequestError(
        "SOURCE_SCHEME",
        `image_url must be http or https, not ${url.protocol.slice(0, 20)}`,
      );
    }
    if (url.username !== "" || url.password !== "") {
      throw new RequestError(
        "SOURCE_CREDENTIALS_IN_URL",
        "image_url must not hold a user name or a password",
      );
    }
    if (!this.#allows(url)) {
      throw new RequestError(
        "SOURCE_FORBIDDEN",
        `${url.protocol}//${url.host} is not in images.allowedUrls, or not with this path; ask the operator to add it`,
        { remoteClass: "ImageNotAuthorized", status: 403 },
      );
    }
    url.hash = "";
    return url;
  }

  /** The target of a redirect, checked: it has to be allowed as well, and encryption is not given up. */
  checkRedirect(from: URL, location: string | undefined): URL {
    try {
      const to = this.check(new URL(location ?? "", from).href);
      if (location !== undefined && isNoDowngrade(from, to)) {
        return to;
      }
    } catch (error) {
      throw redirectRefused(from, { cause: error });
    }
    throw redirectRefused(from);
  }

  #allows(url: URL): boolean {
    return this.#rules.some(
      (rule) =>
        (rule.protocol === null || rule.protocol === url.protocol) &&
        rule.hostname === url.hostname &&
        (rule.port ?? defaultPorts[url.protocol]) === portOf(url) &&
        isBelow(url.pathname, rule.path),
    );
  }
}

function isNoDowngrade(from: URL, to: URL): boolean {
  return from.protocol === "http:" || to.protocol === "https:";
}

function redirectRefused(from: URL, options?: ErrorOptions): ImageSourceError {
  return new ImageSourceError(
    "SOURCE_REDIRECT",
    `${from.host} redirects to an address that is not in images.allowedUrls, or from https to http`,
    { ...options, retry: "never" },
  );
}

function parse(text: string): URL {
  try {
    return new URL(text);
  } catch {
    throw new RequestError("ARG_INVALID", "image_url is not a URL");
  }
}

function portOf(url: URL): string | undefined {
  return url.port === "" ? defaultPorts[url.protocol] : url.port;
}

function ruleOf(entry: string): Rule {
  const hasScheme = entry.includes("://");
  const url = URL.parse(hasScheme ? entry : `http://${entry}`);
  if (url === null || !schemes.has(url.protocol) || url.username !== "") {
    throw new RequestError(
      "CONFIG_INVALID",
      `images.allowedUrls: ${JSON.stringify(entry.slice(0, 80))} is neither host[:port] nor an http(s) prefix`,
    );
  }
  return {
    protocol: hasScheme ? url.protocol : null,
    hostname: url.hostname,
    port: writtenPort(entry),
    path: url.pathname,
  };
}

/** The port as it stands in an entry: a URL object forgets one that is its scheme's own. */
function writtenPort(entry: string): string | null {
  const authority = entry.replace(/^[^/]*:\/\//, "").split("/")[0] ?? "";
  const port = /:(?<port>\d+)$/.exec(authority)?.groups?.["port"];
  return port === undefined ? null : String(Number(port));
}

/** By whole segments, and never where an encoded slash could mean another path to the server. */
function isBelow(path: string, prefix: string): boolean {
  if (prefix === "/" || path === prefix) {
    return true;
  }
  const folder = prefix.endsWith("/") ? prefix : `${prefix}/`;
  return path.startsWith(folder) && !/%2f|%5c/i.test(path);
}
