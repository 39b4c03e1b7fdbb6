import { chmod, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "@jest/globals";
import {
  type BackendSettings,
  redactedSettings,
} from "../../daemon/settings.ts";
import {
  array,
  canary,
  loadAll,
  loadArray as load,
  problemsOf,
  problemsOfAll,
} from "../helpers/array-settings.ts";
import { tempFolder } from "../helpers/temp-folder.ts";

const fingerprint = "0a".repeat(32);

describe("settings of a FlashArray", () => {
  it("need an address and a token; the rest is filled in", () => {
    expect(load({}, { IVC_NODE_NAME: "Node-1.rack2" })).toEqual({
      name: "flash",
      driver: "flasharray",
      address: "array1.example.org",
      apiToken: canary,
      trust: { kind: "system" },
      restVersion: null,
      protocol: "iscsi",
      chapSecret: null,
      hostPersonality: null,
      iscsiCidrs: ["0.0.0.0/0", "::/0"],
      nvmeCidrs: ["0.0.0.0/0", "::/0"],
      initiatorName: "iqn.2010-06.org.image-volume-cache:ivc.node-1.rack2",
      eradicateOnDelete: false,
      namePrefix: "ivc",
      nameSuffix: "-ivc",
      pod: null,
      volumeGroup: null,
      defaultProtection: "array",
      qos: null,
      maxRequests: 8,
      requestTimeoutMs: 15_000,
      cacheEnabled: true,
      limits: { maxSizeGb: 0, maxCount: 0 },
    } satisfies BackendSettings);
  });

  it("take Cinder's names and words", () => {
    const given = load({
      rest_version: "2.26",
      storage_protocol: "NVMe-TCP",
      use_chap_auth: "true",
      pure_chap_secret: "sixteen letters!",
      pure_host_personality: "esxi",
      pure_iscsi_cidr_list: ["10.0.0.0/8", "fd00::/8", "192.0.2.7"],
      pure_nvme_cidr_list: [],
      initiator_iqn: "iqn.2010-06.org.example:writer",
      pure_eradicate_on_delete: true,
      volume_name_prefix: "glance",
      volume_name_suffix: "-cinder",
      pod: "pod1",
      volume_group: "group_1",
      default_protection: "none",
      qos: { maxIOPS: 100, maxBWS: 2 },
      max_requests: 1,
      request_timeout: "1s",
      image_volume_cache_enabled: false,
      image_volume_cache_max_size_gb: 5,
      image_volume_cache_max_count: 6,
    });
    expect(given).toMatchObject({
      restVersion: "2.26",
      protocol: "nvme-tcp",
      chapSecret: "sixteen letters!",
      hostPersonality: "esxi",
      iscsiCidrs: ["10.0.0.0/8", "fd00::/8", "192.0.2.7"],
      nvmeCidrs: [],
      initiatorName: "iqn.2010-06.org.example:writer",
      eradicateOnDelete: true,
      namePrefix: "glance",
      nameSuffix: "-cinder",
      pod: "pod1",
      volumeGroup: "group_1",
      defaultProtection: "none",
      qos: { maxIOPS: 100, maxBWS: 2 * 1024 ** 2 },
      maxRequests: 1,
      requestTimeoutMs: 1000,
      cacheEnabled: false,
      limits: { maxSizeGb: 5, maxCount: 6 },
    });
  });

  it.each([
    ["iSCSI", "iscsi"],
    ["iscsi", "iscsi"],
    ["NVME-tcp", "nvme-tcp"],
    ["fc", "fc"],
  ])("take the protocol %s for %s", (word, protocol) => {
    expect(load({ storage_protocol: word }).protocol).toBe(protocol);
  });

  it.each([
    "array1",
    "Array1.example.org:8443",
    "10.1.2.3",
    "10.1.2.3:1",
    "10.1.2.3:65535",
    "[fd00::1]",
    "[fd00::1]:443",
  ])("take the address %s", (address) => {
    expect(load({ san_ip: address }).address).toBe(address);
  });

  it.each([
    "",
    "https://array1",
    "user:canary@array1",
    "array1/api",
    "array1:0",
    "array1:65536",
    "array1:",
    "fd00::1",
    "[fd00::1",
    "[10.1.2.3]",
    "1.2.3",
    "300.1.2.3",
    "-array1",
    "array 1",
  ])("refuse the address %j, without showing it", (address) => {
    expect(problemsOf({ san_ip: address })).toEqual([
      "backends.flash.san_ip need the host or address of the array's virtual management port (vir0), such as array1.example.org, 10.1.2.3:443 or [fd00::1]",
    ]);
  });

  it("take the array's largest limit for one of qos that is not given", () => {
    expect(load({ qos: { maxIOPS: 100_000_000 } }).qos).toEqual({
      maxIOPS: 100_000_000,
      maxBWS: 549_755_813_888,
    });
    expect(load({ qos: { maxBWS: 524_288 } }).qos).toEqual({
      maxIOPS: 100_000_000,
      maxBWS: 549_755_813_888,
    });
  });

  it("give two nodes two initiator names, also where their letters are not allowed", () => {
    const names = ["a_b", "a-b", "A_B"].map(
      (node) => load({}, { IVC_NODE_NAME: node }).initiatorName,
    );
    expect(names[0]).toMatch(
      /^iqn\.2010-06\.org\.image-volume-cache:ivc.a-b-[0-9a-f]{6}$/,
    );
    expect(names[1]).toBe("iqn.2010-06.org.image-volume-cache:ivc.a-b");
    expect(names[2]).toBe(names[0]);
  });

  it.each([
    ["x", ""],
    ["x".repeat(15), "-abcdefghijk"],
  ])("take the prefix %j with the suffix %j", (prefix, suffix) => {
    const { namePrefix, nameSuffix } = load({
      volume_name_prefix: prefix,
      volume_name_suffix: suffix,
    });
    expect([namePrefix, nameSuffix]).toEqual([prefix, suffix]);
  });

  it("tell the keys of a file backend where that is meant", () => {
    expect(
      problemsOfAll({ more: { driver: "file", root: "/srv/more", rot: 1 } }),
    ).toEqual(["backends.more.rot is unknown (did you mean root?)"]);
    expect(
      problemsOfAll({
        more: { driver: "file", root: "/srv/more", san_ip: "a" },
      }),
    ).toEqual(["backends.more.san_ip is unknown: remove it"]);
    expect(problemsOfAll({ more: 5 })).toEqual([
      'backends.more need { driver: "file" or "flasharray", … }, or null',
    ]);
    expect(problemsOfAll({ more: { driver: "file" } })).toEqual([
      'backends.more.root is missing: name the folder for volumes (IVC_FILE_ROOT for the backend "file")',
    ]);
  });
});

describe("the trust in a FlashArray", () => {
  it("is that of the system, of a file, of a fingerprint, or none", async () => {
    await using folder = await tempFolder();
    const file = path.join(folder.path, "ca.pem");
    const pem =
      "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    await writeFile(file, pem);
    const colons = fingerprint.toUpperCase().replace(/(..)(?!$)/g, "$1:");
    expect(load({ driver_ssl_cert_path: file }).trust).toEqual({
      kind: "ca",
      path: file,
      pem,
    });
    expect(load({ driver_ssl_cert_fingerprint: colons }).trust).toEqual({
      kind: "fingerprint",
      sha256: fingerprint,
    });
    expect(load({ driver_ssl_cert_verify: false }).trust).toEqual({
      kind: "insecure",
    });
    expect(
      problemsOf({
        driver_ssl_cert_path: file,
        driver_ssl_cert_fingerprint: fingerprint,
      }),
    ).toEqual([
      "backends.flash.driver_ssl_cert_path and driver_ssl_cert_fingerprint exclude each other: give an authority or the certificate itself",
    ]);
    await writeFile(file, "no certificate");
    expect(problemsOf({ driver_ssl_cert_path: file })).toEqual([
      `backends.flash.driver_ssl_cert_path ${file} has no certificate: give a PEM file`,
    ]);
  });
});

describe("the secrets of a FlashArray", () => {
  it("are read from files and credentials", async () => {
    await using folder = await tempFolder();
    const token = path.join(folder.path, "token");
    await writeFile(token, `${canary}\n`, { mode: 0o600 });
    await writeFile(path.join(folder.path, "chap"), "sixteen letters!\n");
    const given = load(
      {
        pure_api_token: { file: token },
        use_chap_auth: true,
        pure_chap_secret: { credential: "chap" },
      },
      { CREDENTIALS_DIRECTORY: folder.path },
    );
    expect(given.apiToken).toBe(canary);
    expect(given.chapSecret).toBe("sixteen letters!");
    await chmod(token, 0o644);
    expect(problemsOf({ pure_api_token: { file: token } })).toEqual([
      `backends.flash.pure_api_token ${token} can be read by every user: chmod 600 it`,
    ]);
  });

  it("are never shown", () => {
    const settings = loadAll({
      flash: { ...array, use_chap_auth: true, pure_chap_secret: `${canary}!` },
    });
    expect(JSON.stringify(settings)).toContain(canary);
    const shown = JSON.stringify(redactedSettings(settings));
    expect(shown).not.toContain(canary);
    expect(shown).toContain("array1.example.org");
  });

  it("of CHAP are not looked at while CHAP is off", () => {
    expect(
      load({ pure_chap_secret: { file: "/nowhere" } }).chapSecret,
    ).toBeNull();
  });
});

describe("backends beside each other", () => {
  it.each([
    [{}, "equal ones"],
    [{ san_ip: "ARRAY1.example.org:443" }, "one array, written otherwise"],
    [
      { volume_name_prefix: "IVC" },
      "prefixes that an array does not tell apart",
    ],
  ])("%j refuse to be one place: %s", (more, _what) => {
    expect(
      problemsOfAll({ flash: array, other: { ...array, ...more } }),
    ).toEqual([
      "backends.other is the same place as flash (san_ip, volume_name_prefix, pod and volume_group are equal): give it another volume_name_prefix",
    ]);
  });

  it.each([
    { san_ip: "array2.example.org" },
    { san_ip: "array1.example.org:8443" },
    { volume_name_prefix: "ivc2" },
    { pod: "pod1" },
    { volume_group: "group1" },
  ])("share an array with another %j", (more) => {
    expect(
      problemsOfAll({ flash: array, other: { ...array, ...more } }),
    ).toEqual([]);
  });

  it("take the scratch folder from the first one that has a folder", () => {
    expect(loadAll({ flash: array }).images.scratchDir).toBe(
      "/srv/volumes/.scratch",
    );
    const own = { IVC_SCRATCH_DIR: "/var/scratch" };
    expect(loadAll({ flash: array }, own).images.scratchDir).toBe(
      "/var/scratch",
    );
  });

  it("need a scratch folder where none of them has a folder", () => {
    const alone = { file: null, flash: array };
    const env = { IVC_FILE_ROOT: undefined as never };
    expect(problemsOfAll(alone, env)).toEqual([
      "images.scratchDir is empty, and no backend has a folder to take for it: name one for qcow2 images on their way (IVC_SCRATCH_DIR)",
    ]);
    expect(
      problemsOfAll(alone, { ...env, IVC_SCRATCH_DIR: "/var/scratch" }),
    ).toEqual([]);
  });
});
