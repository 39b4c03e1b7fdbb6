import { describe, expect, it } from "@jest/globals";
import { canary, problemsOf } from "../helpers/array-settings.ts";

const fingerprint = "0a".repeat(32);

describe("settings of a FlashArray", () => {
  it.each([
    [{ driver: "flash" }, 'driver need "file" or "flasharray"'],
    [
      { san_ip: null },
      "san_ip is missing: give the host or address of the array's virtual management port (vir0)",
    ],
    [
      { pure_api_token: null },
      'pure_api_token is missing: give the API token of an array user, as { file: "/path" } or { credential: "name" }',
    ],
    [
      { pure_api_token: "" },
      'pure_api_token is missing: give the API token of an array user, as { file: "/path" } or { credential: "name" }',
    ],
    [
      { pure_api_token: `${canary}\nX-Header: 1` },
      "pure_api_token has spaces, line breaks or other characters than a token has: give the token alone",
    ],
    [
      { pure_api_token: 5 },
      'pure_api_token need a text, { file: "/path" } or { credential: "name" }',
    ],
    [
      { pure_api_token: { fiel: "/x" } },
      'pure_api_token need a text, { file: "/path" } or { credential: "name" }',
    ],
    [
      { pure_api_token: { file: "/nowhere/token" } },
      "pure_api_token /nowhere/token cannot be read (ENOENT)",
    ],
    [
      { driver_ssl_cert_path: "/nowhere/ca.pem" },
      "driver_ssl_cert_path /nowhere/ca.pem cannot be read (ENOENT): give the path of a PEM file",
    ],
    [
      { driver_ssl_cert_path: "" },
      "driver_ssl_cert_path is empty: give the path of a PEM file, or null",
    ],
    [
      { driver_ssl_cert_fingerprint: fingerprint.slice(2) },
      `driver_ssl_cert_fingerprint got "${fingerprint.slice(2)}", need a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons`,
    ],
    [
      {
        driver_ssl_cert_verify: false,
        driver_ssl_cert_fingerprint: fingerprint,
      },
      "driver_ssl_cert_verify is false, so driver_ssl_cert_fingerprint would not be looked at: remove one or the other",
    ],
    [
      { driver_ssl_cert_verify: "perhaps" },
      'driver_ssl_cert_verify got "perhaps", need true or false (also yes/no, on/off, 1/0)',
    ],
    [
      { rest_version: 2.26 },
      'rest_version need a text such as "2.26" (in quotes: 2.4 is older than 2.26), or null for the newest that both know',
    ],
    [
      { rest_version: "1.19" },
      'rest_version need a text such as "2.26", or null for the newest that both know',
    ],
    [{ rest_version: "2.3" }, "rest_version is 2.3, need 2.4 or later"],
    [
      { rest_version: "2.20", storage_protocol: "NVMe-TCP" },
      "rest_version is 2.20, need 2.21 or later for NVMe-TCP",
    ],
    [
      { rest_version: "2.19", pod: "p", volume_group: "g" },
      "rest_version is 2.19, need 2.20 or later for a volume_group in a pod",
    ],
    [
      { storage_protocol: "NVMe-RoCE" },
      'storage_protocol got "NVMe-RoCE", need "iSCSI", "NVMe-TCP" or "FC"',
    ],
    [
      { use_chap_auth: true },
      "pure_chap_secret is missing, and use_chap_auth is on: give a secret of at least 16 characters, the same to all daemons of this backend",
    ],
    [
      { use_chap_auth: true, pure_chap_secret: "x".repeat(15) },
      "pure_chap_secret has 15 characters, need at least 16",
    ],
    [
      { pure_host_personality: "linux" },
      'pure_host_personality got "linux", need one of "aix", "esxi", "hitachi-vsp", "hpux", "oracle-vm-server", "solaris", "vms"',
    ],
    [
      { pure_iscsi_cidr_list: "10.0.0.0/8" },
      'pure_iscsi_cidr_list need a list of networks such as ["10.0.0.0/8"]',
    ],
    [
      { pure_iscsi_cidr_list: ["10.0.0.0/33"] },
      'pure_iscsi_cidr_list.0 got "10.0.0.0/33", need a network such as 10.0.0.0/8 or fd00::/8',
    ],
    [
      { pure_nvme_cidr_list: ["::/0", "fd00::/129"] },
      'pure_nvme_cidr_list.1 got "fd00::/129", need a network such as 10.0.0.0/8 or fd00::/8',
    ],
    [
      { initiator_iqn: "eui.1" },
      'initiator_iqn got "eui.1", need a name such as iqn.2010-06.org.example:node1 in lower case, or ""',
    ],
    [
      { initiator_iqn: `iqn.2010-06.org.example:${"x".repeat(200)}` },
      "initiator_iqn is longer than 223 characters",
    ],
    [
      { volume_name_prefix: "1ivc" },
      'volume_name_prefix got "1ivc", need 1 to 15 letters, digits or dashes, the first a letter, the last no dash',
    ],
    [
      { volume_name_prefix: "x".repeat(16) },
      `volume_name_prefix got "${"x".repeat(16)}", need 1 to 15 letters, digits or dashes, the first a letter, the last no dash`,
    ],
    [
      { volume_name_prefix: "ivc-" },
      'volume_name_prefix got "ivc-", need 1 to 15 letters, digits or dashes, the first a letter, the last no dash',
    ],
    [
      { volume_name_suffix: "-abcdefghijkl" },
      'volume_name_suffix got "-abcdefghijkl", need up to 12 letters, digits, dashes or underscores, the last a letter or digit, or ""',
    ],
    [
      { volume_name_suffix: "-" },
      'volume_name_suffix got "-", need up to 12 letters, digits, dashes or underscores, the last a letter or digit, or ""',
    ],
    [
      { pod: "pod_1" },
      'pod got "pod_1", need the name of a pod: letters, digits and dashes; or null',
    ],
    [
      { volume_group: "a/b" },
      'volume_group got "a/b", need the name of a volume group: letters, digits, dashes and underscores; or null',
    ],
    [
      { default_protection: "some" },
      'default_protection got "some", need one of "array", "none"',
    ],
    [{ qos: {} }, "qos is empty: give maxIOPS, maxBWS (MB/s) or both, or null"],
    [
      { qos: { maxIOPS: 99 } },
      "qos.maxIOPS got 99, need a whole number from 100 to 100000000",
    ],
    [
      { qos: { maxIOPS: 100_000_001 } },
      "qos.maxIOPS got 100000001, need a whole number from 100 to 100000000",
    ],
    [
      { qos: { maxBWS: 524_289 } },
      "qos.maxBWS got 524289, need a whole number from 1 to 524288",
    ],
    [
      { max_requests: 33 },
      "max_requests got 33, need a whole number from 1 to 32",
    ],
    [
      { request_timeout: "999ms" },
      'request_timeout got "999ms", need a time such as 500ms, 30s, 6h from 1s to 5m',
    ],
    [
      { pure_api_tokn: "x" },
      "pure_api_tokn is unknown (did you mean pure_api_token?)",
    ],
    [
      { qos: { maxIOPS: 500, maxBW: 5 } },
      "qos.maxBW is unknown (did you mean maxBWS?)",
    ],
    [{ root: "/srv/volumes" }, "root is unknown: remove it"],
  ])("refuse %j", (more, problem) => {
    const problems = problemsOf(more);
    expect(problems).toEqual([`backends.flash.${problem}`]);
    expect(problems.join()).not.toContain(canary);
  });
});
