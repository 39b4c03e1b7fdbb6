import type { Logger } from "../../logger.ts";
import type { Options } from "../volume-backend.ts";
import { agreeOnVersion } from "./agree-on-version.ts";
import { parseArrayAddress } from "./array-address.ts";
import type { ArrayClient } from "./array-client.ts";
import { type ArrayCallReport, ArrayWire } from "./array-wire.ts";
import { RestArrayClient } from "./rest-array-client.ts";
import { formatRestVersion } from "./rest-version.ts";
import { Session } from "./session.ts";
import { type TlsTrust, tlsCheckOf } from "./tls-trust.ts";
import { VerifiedAgent } from "./verified-agent.ts";

/** What a client of an array is made of. Field practice where there is a default. */
export interface ArrayClientOptions {
  /** `host`, `host:port` or `[IPv6]:port`: the virtual management address, which follows a controller's failover. */
  readonly address: string;
  readonly apiToken: string;
  readonly trust: TlsTrust;
  /** A version to insist on; null for the newest that both sides know. */
  readonly restVersion: string | null;
  /** Such as `product/1.2 (platform)`. */
  readonly userAgent: string;
  /** 8: more slow an array's management down. */
  readonly maxConcurrent?: number;
  /** 15 s. */
  readonly requestTimeoutMs?: number;
  /** How long reads go on trying: 20 s. */
  readonly outageMs?: number;
  /** How long in all a call waits for an array that has too many requests: 2 min. */
  readonly busyMs?: number;
  /** How long a call that a fresh session was forbidden costs no other login: 1 min. */
  readonly forbiddenMs?: number;
  readonly logger: Logger;
  readonly onCall?: (report: ArrayCallReport) => void;
  readonly onLogin?: () => void;
}

const defaults = {
  maxConcurrent: 8,
  requestTimeoutMs: 15_000,
  outageMs: 20_000,
  busyMs: 120_000,
  forbiddenMs: 60_000,
  onCall: () => {},
  onLogin: () => {},
};
const connectMs = 5000;
const closeMs = 3000;
/** Below the shortest idle time of web servers, so that a change rarely meets a connection that has just ended. */
const idleMs = 10_000;

/**
 * Opens a session of an array's REST interface. Proxies of the environment are not used.
 *
 * @throws {BackendError} `ARRAY_ADDRESS`, `ARRAY_TRUST`, `ARRAY_VERSION`, `ARRAY_LOGIN` and all that a read throws
 */
export async function openArrayClient(
  options: ArrayClientOptions,
  { signal }: Options = { signal: new AbortController().signal },
): Promise<ArrayClient> {
  const address = parseArrayAddress(options.address);
  const where = `FlashArray ${options.address}`;
  const logger = options.logger.child({ array: options.address });
  const settings = { ...defaults, ...options };
  const { maxConcurrent, requestTimeoutMs, outageMs, busyMs } = settings;
  const { forbiddenMs, onCall, onLogin } = settings;
  warnIfInsecure(options.trust, logger);
  await using opened = new AsyncDisposableStack();
  const { agent } = opened.use(
    new VerifiedAgent({
      address,
      check: tlsCheckOf(options.trust),
      maxSockets: maxConcurrent,
      connectMs: Math.min(connectMs, requestTimeoutMs),
      idleMs,
    }),
  );
  const wire = new ArrayWire({
    origin: address.origin,
    agent,
    userAgent: options.userAgent,
    timeoutMs: requestTimeoutMs,
    logger,
    onCall,
  });
  const patience = { outageMs, busyMs };
  const version = await agreeOnVersion(
    wire,
    { where, pin: options.restVersion, patience },
    { signal },
  );
  const session = opened.use(
    new Session({
      wire,
      apiToken: options.apiToken,
      version: formatRestVersion(version),
      where,
      patience,
      onLogin,
      closeMs,
      forbiddenMs,
    }),
  );
  await session.open({ signal });
  logger.info("array connected", { version: formatRestVersion(version) });
  return new RestArrayClient({
    session,
    version,
    where,
    patience,
    maxConcurrent,
    resources: opened.move(),
  });
}

function warnIfInsecure(trust: TlsTrust, logger: Logger): void {
  if (trust.kind === "insecure") {
    logger.warn(
      "the certificate of the array is not checked; name its authority or its fingerprint",
    );
  }
}
