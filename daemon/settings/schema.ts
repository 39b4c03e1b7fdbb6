import * as z from "zod";
import { backendSchema } from "./backend-schema.ts";
import { cacheShape } from "./cache-schema.ts";
import { secret } from "./secret-schema.ts";
import { byteSize, duration, wholeNumber, yesOrNo } from "./units.ts";

const text = z.string();
const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/,
    "need 1 to 63 letters, digits, dots, dashes or underscores",
  );

const hour = 3_600_000;

/** The settings as an operator writes them; parsing turns words into numbers and names each problem. */
export const settingsSchema = z.strictObject({
  nodeName: z.union([z.literal(""), name]),
  amqp: z.strictObject({
    url: text.regex(/^(amqps?|rabbit):\/\//, "need amqp://… or amqps://…"),
    password: secret,
    caFile: z.union([z.null(), text]),
    heartbeatS: wholeNumber(1, 600),
    durableQueues: yesOrNo(),
    quorumQueue: yesOrNo(),
    transientQuorumQueue: yesOrNo(),
    prefetch: wholeNumber(1, 1000),
  }),
  rpc: z.strictObject({
    exchange: name,
    topic: name,
    adminBrokerUsers: z.union([z.null(), z.array(text)]),
    maxOpenJobs: wholeNumber(1, 1_000_000),
  }),
  redis: z.strictObject({
    url: text.regex(/^rediss?:\/\//, "need redis://… or rediss://…"),
    password: secret,
    caFile: z.union([z.null(), text]),
  }),
  telemetry: z.strictObject({
    exchange: name,
    topic: name,
    declareQueue: yesOrNo(),
  }),
  images: z.strictObject({
    glanceUrl: z.union([
      z.literal(""),
      text.regex(
        /^https?:\/\/[^@/]+(\/|$)/,
        "need http(s)://host[:port] without a user or password",
      ),
    ]),
    allowedUrls: z.array(text),
    freshness: z.enum(["content", "updated_at"]),
    checksumPolicy: z.enum(["require", "prefer", "off"]),
    allowMd5: yesOrNo(),
    maxVirtualSize: byteSize(1024 ** 2, 64 * 1024 ** 4),
    scratchDir: text,
    stallTimeout: duration(100, hour),
    minRate: byteSize(0, 1024 ** 3),
    downloadDeadline: duration(1000, 168 * hour),
    caFile: z.union([z.null(), text]),
    rememberFailures: duration(0, hour),
  }),
  cache: z.strictObject({
    cinder_internal_tenant_project_id: text.max(255),
    cinder_internal_tenant_user_id: text.max(255),
    ...cacheShape,
  }),
  backends: z.record(name, backendSchema),
  defaultBackend: name,
  jobs: z.strictObject({
    claimTtl: duration(1000, hour),
    sweepInterval: duration(100, hour),
    maxTakeovers: wholeNumber(1, 100),
    maxFills: wholeNumber(1, 64),
    maxClones: wholeNumber(1, 1024),
    maxBypassPerImage: wholeNumber(1, 64),
    createDeadline: duration(1000, 168 * hour),
    drainTimeout: duration(0, hour),
  }),
  http: z.strictObject({
    port: wholeNumber(0, 65_535),
    address: text.min(1),
  }),
  log: z.strictObject({ level: z.enum(["error", "warn", "info", "debug"]) }),
});

/** {@link settingsSchema}'s result. */
export type RawSettings = z.infer<typeof settingsSchema>;

/** The settings that adapters parse further, whatever the others are like. */
export const parsedByAdapters = z.object({
  amqp: z.object({ url: text }),
  images: z.object({ allowedUrls: z.array(text) }),
});
