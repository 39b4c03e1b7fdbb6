import { createHash } from "node:crypto";
import type { CacheLimits } from "../cache/cache-entry.ts";
import type { RawBackend, RawFlashArray } from "./backend-schema.ts";
import { qosLimits } from "./flash-array-schema.ts";
import type { RawSettings } from "./schema.ts";

/** What backends of all drivers have; the cache's defaults are filled in. */
interface CommonSettings {
  readonly name: string;
  readonly cacheEnabled: boolean;
  readonly limits: CacheLimits;
}

/** A backend that is a folder. */
export interface FileBackendSettings extends CommonSettings {
  readonly driver: "file";
  readonly root: string;
}

/** How an array proves that it is the right one; `insecure`: it does not. */
export type ArrayTrust =
  | { readonly kind: "system" }
  /** `pem` is the content of the file at `path`. */
  | { readonly kind: "ca"; readonly path: string; readonly pem: string }
  /** SHA-256 of the certificate: 64 hexadecimal digits in lower case. */
  | { readonly kind: "fingerprint"; readonly sha256: string }
  | { readonly kind: "insecure" };

/** A backend on a FlashArray. */
export interface FlashArrayBackendSettings extends CommonSettings {
  readonly driver: "flasharray";
  /** `host`, `host:port`, `[IPv6]` or `[IPv6]:port` of the virtual management port. */
  readonly address: string;
  readonly apiToken: string;
  readonly trust: ArrayTrust;
  /** Such as `2.26`; null: the newest that both know. */
  readonly restVersion: string | null;
  /** What `initialize_connection` gives. */
  readonly protocol: "iscsi" | "nvme-tcp" | "fc";
  /** What the CHAP passwords of hosts are derived from; null: no CHAP. */
  readonly chapSecret: string | null;
  /** Null: the array's default, which is right for Linux. */
  readonly hostPersonality: string | null;
  readonly iscsiCidrs: readonly string[];
  readonly nvmeCidrs: readonly string[];
  /** What this daemon calls itself when it writes an image. */
  readonly initiatorName: string;
  readonly eradicateOnDelete: boolean;
  readonly namePrefix: string;
  readonly nameSuffix: string;
  readonly pod: string | null;
  readonly volumeGroup: string | null;
  /** Whether users' volumes join the array's default protection groups. */
  readonly defaultProtection: "array" | "none";
  /** Limits of each user's volume: I/O operations and bytes per second; what was not given is the array's largest. */
  readonly qos: { readonly maxIOPS: number; readonly maxBWS: number } | null;
  readonly maxRequests: number;
  readonly requestTimeoutMs: number;
}

/** A backend's settings, complete. */
export type BackendSettings = FileBackendSettings | FlashArrayBackendSettings;

/** What the settings of a FlashArray name and files have. */
export interface ArrayFiles {
  readonly apiToken: string;
  readonly chapSecret: string | null;
  /** Of `driver_ssl_cert_path`. */
  readonly caPem: string | null;
}

/** Bytes in what Cinder calls a MB of `maxBWS`. */
const bytesPerMb = 1024 ** 2;

/** A backend as the daemon wants it; `files` of a FlashArray. */
export function backendSettings(
  [name, raw]: readonly [string, RawBackend],
  cache: RawSettings["cache"],
  nodeName: string,
  files: ArrayFiles | null,
): BackendSettings {
  const common = {
    name,
    cacheEnabled:
      raw.image_volume_cache_enabled ?? cache.image_volume_cache_enabled,
    limits: {
      maxSizeGb:
        raw.image_volume_cache_max_size_gb ??
        cache.image_volume_cache_max_size_gb,
      maxCount:
        raw.image_volume_cache_max_count ?? cache.image_volume_cache_max_count,
    },
  };
  if (raw.driver === "file") {
    return { ...common, driver: "file", root: raw.root };
  }
  const { apiToken = "", chapSecret = null, caPem = null } = files ?? {};
  return {
    ...common,
    driver: "flasharray",
    address: raw.san_ip,
    apiToken,
    trust: trustOf(raw, caPem),
    restVersion: raw.rest_version,
    protocol: raw.storage_protocol,
    chapSecret,
    hostPersonality: raw.pure_host_personality,
    iscsiCidrs: raw.pure_iscsi_cidr_list,
    nvmeCidrs: raw.pure_nvme_cidr_list,
    initiatorName:
      raw.initiator_iqn === ""
        ? initiatorOf(raw.volume_name_prefix, nodeName)
        : raw.initiator_iqn,
    eradicateOnDelete: raw.pure_eradicate_on_delete,
    namePrefix: raw.volume_name_prefix,
    nameSuffix: raw.volume_name_suffix,
    pod: raw.pod,
    volumeGroup: raw.volume_group,
    defaultProtection: raw.default_protection,
    qos: qosOf(raw),
    maxRequests: raw.max_requests,
    requestTimeoutMs: raw.request_timeout,
  };
}

function trustOf(raw: RawFlashArray, caPem: string | null): ArrayTrust {
  const { driver_ssl_cert_path: path, driver_ssl_cert_fingerprint: sha256 } =
    raw;
  if (!raw.driver_ssl_cert_verify) {
    return { kind: "insecure" };
  }
  if (sha256 !== null) {
    return {
      kind: "fingerprint",
      sha256: sha256.replaceAll(":", "").toLowerCase(),
    };
  }
  return path === null
    ? { kind: "system" }
    : { kind: "ca", path, pem: caPem ?? "" };
}

function qosOf({ qos }: RawFlashArray): FlashArrayBackendSettings["qos"] {
  return qos === null
    ? null
    : {
        maxIOPS: qos.maxIOPS ?? qosLimits.maxIOPS,
        maxBWS: (qos.maxBWS ?? qosLimits.maxMbS) * bytesPerMb,
      };
}

/**
 * An IQN for a node, and for a prefix, since its host on the array is of that prefix. Two nodes must not get the same: what
 * has to be replaced is told apart by a digest.
 */
function initiatorOf(prefix: string, nodeName: string): string {
  const lower = nodeName.toLowerCase();
  const valid = lower.replaceAll(/[^a-z0-9.-]/g, "-");
  const digest = createHash("sha256").update(lower).digest("hex").slice(0, 6);
  return `iqn.2010-06.org.image-volume-cache:${prefix.toLowerCase()}.${valid}${valid === lower ? "" : `-${digest}`}`;
}
