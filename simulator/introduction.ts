import type { Simulator } from "./simulator.ts";
import { isAtLeast } from "./version.ts";

/** What somebody who has just started a simulator wants to know. */
export function introduction(simulator: Simulator, controlUrl: string): string {
  const { url, apiToken, caFile, fingerprint, dataPlane } = simulator;
  const address = new URL(url).host;
  const { newest } = simulator;
  const api = `${url}/api/${isAtLeast(newest, "2.4") ? "2.4" : newest}`;
  const curl = `curl --cacert ${caFile} -H "x-auth-token: $session"`;
  const portals =
    dataPlane.kind === "iscsi"
      ? `iSCSI: ${dataPlane.iqn} at ${dataPlane.portals.join(", ")}. Connections are LUNs.`
      : "Volumes are files; hosts cannot attach them (--data-plane iscsi changes that).";
  return `A simulated FlashArray runs.

  array          ${url}
  API token      ${apiToken}
  authority      ${caFile}
  fingerprint    ${fingerprint} (SHA-256 of its certificate)
  control        ${controlUrl}

${portals}

Try it:

  curl --cacert ${caFile} ${url}/api/api_version
  session=$(curl -s --cacert ${caFile} -X POST -H "api-token: ${apiToken}" -o /dev/null -D - \\
    ${api}/login | tr -d '\\r' | awk 'tolower($1) == "x-auth-token:" { print $2 }')
  ${curl} -d '{"provisioned":1073741824}' "${api}/volumes?names=first"
  curl ${controlUrl}/log

The lost reply: this volume is made, and nobody is told.

  curl -d '{"kind":"reset-after","method":"POST","path":"volumes"}' ${controlUrl}/faults
  ${curl} -d '{"provisioned":1073741824}' "${api}/volumes?names=second"
  ${curl} "${api}/volumes?names=second"

A backend of ivcd:

  { driver: "flasharray", san_ip: "${address}", pure_api_token: "${apiToken}", driver_ssl_cert_path: "${caFile}" }

It simulates REST 2.x (sessions, volumes, snapshots, tags, hosts, connections, groups, pods, spaces, ports), checks every
request strictly, and goes wrong on cue. It does not simulate OAuth, roles, replication, performance, NVMe and Fibre
Channel data paths, or REST 1.x. It keeps its state in memory: what is on it is gone when it ends. docs/simulator.md
says more. Ctrl-C ends it.
`;
}
