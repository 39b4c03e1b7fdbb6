import * as z from "zod";
import { isArrayAddress, isCidr } from "./array-address.ts";
import { ownCacheShape } from "./cache-schema.ts";
import { secret } from "./secret-schema.ts";
import { duration, show, wholeNumber, yesOrNo } from "./units.ts";

/** Protocols of volumes; an operator may write them in any case, as Cinder does. */
const protocols = ["iscsi", "nvme-tcp", "fc"] as const;

/** The array's names of operating systems other than Linux. */
const personalities = [
  "aix",
  "esxi",
  "hitachi-vsp",
  "hpux",
  "oracle-vm-server",
  "solaris",
  "vms",
] as const;

/** `volume-<uuid>` is 43 characters and a deleted volume's ending 8; an array's names end at 63. */
const maxSuffix = 63 - 43 - 8;

const matching = (pattern: RegExp, wanted: string) => {
  const error = ({ input }: { readonly input?: unknown }) =>
    `got ${show(input)}, need ${wanted}`;
  return z.string({ error }).refine((text) => pattern.test(text), { error });
};

const oneOf = <const T extends string>(words: readonly T[]) =>
  z.enum(words, {
    error: ({ input }) =>
      `got ${show(input)}, need one of ${words.map((word) => `"${word}"`).join(", ")}`,
  });

const cidrs = () =>
  z.array(
    z.string().refine(isCidr, {
      error: ({ input }) =>
        `got ${show(input)}, need a network such as 10.0.0.0/8 or fd00::/8`,
    }),
    'need a list of networks such as ["10.0.0.0/8"]',
  );

const protocol = z.string().transform((word, context) => {
  const found = protocols.find((each) => each === word.toLowerCase());
  if (found === undefined) {
    context.addIssue(`got ${show(word)}, need "iSCSI", "NVMe-TCP" or "FC"`);
    return z.NEVER;
  }
  return found;
});

/** The largest limits that an array takes; `maxMbS` is Cinder's `maxBWS`. */
export const qosLimits = { maxIOPS: 100_000_000, maxMbS: 524_288 } as const;

const qos = z
  .strictObject({
    maxIOPS: wholeNumber(100, qosLimits.maxIOPS).optional(),
    maxBWS: wholeNumber(1, qosLimits.maxMbS).optional(),
  })
  .refine(
    (limits) => limits.maxIOPS !== undefined || limits.maxBWS !== undefined,
    "is empty: give maxIOPS, maxBWS (MB/s) or both, or null",
  );

/** A backend on a FlashArray, as an operator writes it; Cinder's names where it has one. */
export const flashArraySchema = z.strictObject({
  driver: z.literal("flasharray"),
  san_ip: z
    .string(
      "is missing: give the host or address of the array's virtual management port (vir0)",
    )
    .refine(
      isArrayAddress,
      "need the host or address of the array's virtual management port (vir0), such as array1.example.org, 10.1.2.3:443 or [fd00::1]",
    ),
  pure_api_token: secret.default(null),
  driver_ssl_cert_path: z
    .string()
    .min(1, "is empty: give the path of a PEM file, or null")
    .nullable()
    .default(null),
  driver_ssl_cert_fingerprint: matching(
    /^[0-9a-f]{2}(?::?[0-9a-f]{2}){31}$/i,
    "a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons",
  )
    .nullable()
    .default(null),
  driver_ssl_cert_verify: yesOrNo().default(true),
  rest_version: z
    .string(
      'need a text such as "2.26" (in quotes: 2.4 is older than 2.26), or null for the newest that both know',
    )
    .regex(
      /^2\.\d{1,3}$/,
      'need a text such as "2.26", or null for the newest that both know',
    )
    .nullable()
    .default(null),
  storage_protocol: protocol.default("iscsi"),
  use_chap_auth: yesOrNo().default(false),
  pure_chap_secret: secret.default(null),
  pure_host_personality: oneOf(personalities).nullable().default(null),
  pure_iscsi_cidr_list: cidrs().default(["0.0.0.0/0", "::/0"]),
  pure_nvme_cidr_list: cidrs().default(["0.0.0.0/0", "::/0"]),
  initiator_iqn: matching(
    /^(?:|iqn\.\d{4}-\d{2}\.[a-z0-9.-]+(?::[a-z0-9._:-]+)?)$/,
    'a name such as iqn.2010-06.org.example:node1 in lower case, or ""',
  )
    .max(223, "is longer than 223 characters")
    .default(""),
  pure_eradicate_on_delete: yesOrNo().default(false),
  volume_name_prefix: matching(
    /^[a-z](?:[a-z0-9-]{0,13}[a-z0-9])?$/i,
    "1 to 15 letters, digits or dashes, the first a letter, the last no dash",
  ).default("ivc"),
  volume_name_suffix: matching(
    new RegExp(`^(?:|[a-z0-9_-]{0,${maxSuffix - 1}}[a-z0-9])$`, "i"),
    `up to ${maxSuffix} letters, digits, dashes or underscores, the last a letter or digit, or ""`,
  ).default("-ivc"),
  pod: matching(
    /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i,
    "the name of a pod: letters, digits and dashes; or null",
  )
    .nullable()
    .default(null),
  volume_group: matching(
    /^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?$/i,
    "the name of a volume group: letters, digits, dashes and underscores; or null",
  )
    .nullable()
    .default(null),
  default_protection: oneOf(["array", "none"]).default("array"),
  qos: qos.nullable().default(null),
  max_requests: wholeNumber(1, 32).default(8),
  request_timeout: duration(1000, 300_000).default(15_000),
  ...ownCacheShape,
});

/** Keys below `qos`. */
export const qosKeys: readonly string[] = Object.keys(qos.shape);
