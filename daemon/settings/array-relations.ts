import type { RawBackend, RawFlashArray } from "./backend-schema.ts";

/** REST versions from which something is there. */
const since = { iscsi: 4, "nvme-tcp": 21, fc: 4, groupInPod: 20 } as const;

/** What is wrong between the settings of one FlashArray. */
export function arrayProblems(name: string, raw: RawFlashArray): string[] {
  const at = `backends.${name}`;
  return [...trustProblems(at, raw), ...versionProblems(at, raw)];
}

function trustProblems(at: string, raw: RawFlashArray): string[] {
  const given = [
    raw.driver_ssl_cert_path === null ? [] : ["driver_ssl_cert_path"],
    raw.driver_ssl_cert_fingerprint === null
      ? []
      : ["driver_ssl_cert_fingerprint"],
  ].flat();
  if (!raw.driver_ssl_cert_verify && given.length > 0) {
    return [
      `${at}.driver_ssl_cert_verify is false, so ${given.join(" and ")} would not be looked at: remove one or the other`,
    ];
  }
  return given.length > 1
    ? [
        `${at}.driver_ssl_cert_path and driver_ssl_cert_fingerprint exclude each other: give an authority or the certificate itself`,
      ]
    : [];
}

function versionProblems(at: string, raw: RawFlashArray): string[] {
  if (raw.rest_version === null) {
    return [];
  }
  const minor = Number(raw.rest_version.slice(2));
  const { storage_protocol: protocol } = raw;
  const problems: string[] = [];
  if (minor < since[protocol]) {
    problems.push(
      `${at}.rest_version is ${raw.rest_version}, need 2.${since[protocol]} or later${protocol === "nvme-tcp" ? " for NVMe-TCP" : ""}`,
    );
  }
  const isGroupInPod = raw.pod !== null && raw.volume_group !== null;
  if (isGroupInPod && minor < since.groupInPod) {
    problems.push(
      `${at}.rest_version is ${raw.rest_version}, need 2.${since.groupInPod} or later for a volume_group in a pod`,
    );
  }
  return problems;
}

/** Backends that would be one place on one array, and each other's ruin. */
export function sameArrayProblems(
  backends: readonly (readonly [string, RawBackend])[],
): string[] {
  const problems: string[] = [];
  const places = new Map<string, string>();
  for (const [name, backend] of backends) {
    if (backend.driver !== "flasharray") {
      continue;
    }
    const place = placeOf(backend);
    const other = places.get(place);
    if (other !== undefined) {
      problems.push(
        `backends.${name} is the same place as ${other} (san_ip, volume_name_prefix, pod and volume_group are equal): give it another volume_name_prefix`,
      );
    }
    places.set(place, name);
  }
  return problems;
}

/* An array's names differ in more than case, and 443 is its port. */
function placeOf(raw: RawFlashArray): string {
  const { san_ip, volume_name_prefix, pod, volume_group } = raw;
  const address = san_ip.replace(/(?<=\]|^[^:]*):443$/, "");
  return JSON.stringify([
    address,
    volume_name_prefix,
    pod,
    volume_group,
  ]).toLowerCase();
}
