import { accessSync, constants } from "node:fs";
import { hostname } from "node:os";
import type { CacheLimits } from "./cache/cache-entry.ts";
import { parseAmqpUrl } from "./consumers/amqp-endpoint.ts";
import { UrlAllowList } from "./imagesync/web/url-allow-list.ts";
import { redactUrl } from "./redact.ts";
import { explainIssue } from "./settings/explain.ts";
import {
  parsedByAdapters,
  type RawSettings,
  settingsSchema,
} from "./settings/schema.ts";
import { readSecret, type SecretReference } from "./settings/secrets.ts";
import { readSources, type SettingsSources } from "./settings/sources.ts";

/** A backend's settings with the cache's defaults filled in. */
export interface BackendSettings {
  readonly name: string;
  readonly driver: "file";
  readonly root: string;
  readonly cacheEnabled: boolean;
  readonly limits: CacheLimits;
}

/** Everything ivcd and ivc can be told, checked, complete and frozen. Times are milliseconds, sizes bytes. */
export interface Settings extends Omit<
  RawSettings,
  "backends" | "amqp" | "redis"
> {
  readonly amqp: Omit<RawSettings["amqp"], "password"> & {
    readonly password: string | null;
  };
  readonly redis: Omit<RawSettings["redis"], "password"> & {
    readonly password: string | null;
  };
  readonly backends: readonly BackendSettings[];
  readonly internalTenant: {
    readonly projectId: string;
    readonly userId: string;
    readonly isConfigured: boolean;
  };
  /** The files and variables the settings came from. */
  readonly sources: readonly string[];
}

/** Owner of the image-volumes where no internal tenant is configured. */
const fixedInternalTenant = "image-volume-cache-internal";

/** The settings as they may be shown: without passwords, also not those inside URLs. */
export function redactedSettings(settings: Settings): Settings {
  const password = (value: string | null) => (value === null ? null : "***");
  return {
    ...settings,
    amqp: {
      ...settings.amqp,
      url: redactUrl(settings.amqp.url),
      password: password(settings.amqp.password),
    },
    redis: {
      ...settings.redis,
      url: redactUrl(settings.redis.url),
      password: password(settings.redis.password),
    },
  };
}

/** All that is wrong with the settings, one line each. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.map((problem) => `config: ${problem}`).join("\n"));
    this.problems = problems;
  }
}

/**
 * The settings from files and environment.
 *
 * @throws {SettingsError} with all problems at once: each with its key, what was got and the fix.
 */
export function loadSettings(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Settings {
  const sources = readSources(environment);
  const problems = [...sources.problems];
  const parsed = settingsSchema.safeParse(sources.values);
  if (!parsed.success) {
    if (sources.names.length > 0) {
      // What can be compared already is told together with what cannot be read.
      const jobs = settingsSchema.shape.jobs.safeParse(
        valueOf(sources, "jobs"),
      );
      problems.push(...(jobs.success ? timingProblems(jobs.data) : []));
      const told = new Set(
        parsed.error.issues.map((issue) => issue.path.join(".")),
      );
      problems.push(
        ...parsingProblems(sources.values).filter(
          (problem) => !told.has(problem.split(" ", 1)[0] ?? ""),
        ),
      );
      problems.push(
        ...parsed.error.issues.flatMap((issue) => explainIssue(issue, sources)),
      );
    }
    throw new SettingsError(problems);
  }
  const raw = parsed.data;
  const secrets = {
    amqp: secretOf("amqp.password", raw.amqp.password, environment, problems),
    redis: secretOf(
      "redis.password",
      raw.redis.password,
      environment,
      problems,
    ),
  };
  problems.push(...relations(raw));
  if (problems.length > 0) {
    throw new SettingsError(problems);
  }
  return complete(raw, secrets, sources);
}

function secretOf(
  key: string,
  reference: SecretReference,
  environment: Readonly<Record<string, string | undefined>>,
  problems: string[],
): string | null {
  try {
    return readSecret(reference, environment);
  } catch (error) {
    problems.push(`${key} ${(error as Error).message}`);
    return null;
  }
}

function relations(raw: RawSettings): string[] {
  const problems: string[] = [];
  const backends = backendsOf(raw);
  const names = backends.map(([name]) => name);
  if (names.length === 0) {
    problems.push("backends is empty: configure at least one");
  }
  problems.push(...timingProblems(raw.jobs), ...parsingProblems(raw));
  for (const [key, file] of [
    ["amqp.caFile", raw.amqp.caFile],
    ["redis.caFile", raw.redis.caFile],
    ["images.caFile", raw.images.caFile],
  ] as const) {
    if (file !== null && !isReadable(file)) {
      problems.push(
        `${key} ${file} cannot be read: give the path of a PEM file`,
      );
    }
  }
  const roots = new Map<string, string>();
  for (const [name, backend] of backends) {
    const other = roots.get(backend.root);
    if (other !== undefined) {
      problems.push(
        `backends.${name}.root is the same folder as that of ${other}: give each its own`,
      );
    }
    roots.set(backend.root, name);
  }
  return problems;
}

type RawBackend = NonNullable<RawSettings["backends"][string]>;

/** The backends that are left: null takes one of an earlier file away. */
function backendsOf(
  raw: RawSettings,
): readonly (readonly [string, RawBackend])[] {
  return Object.entries(raw.backends).flatMap(([name, backend]) =>
    backend === null ? [] : [[name, backend] as const],
  );
}

/** What the parsers of the adapters would say at the start; values of a wrong type are told by the schema. */
function parsingProblems(values: unknown): string[] {
  const parsed = parsedByAdapters.safeParse(values);
  if (!parsed.success) {
    return [];
  }
  const { amqp, images } = parsed.data;
  const parsers: readonly (readonly [string, () => unknown])[] = [
    ["amqp.url", () => parseAmqpUrl(amqp.url)],
    ["images.allowedUrls", () => new UrlAllowList(images.allowedUrls)],
  ];
  return parsers.flatMap(([key, parse]) => {
    try {
      parse();
      return [];
    } catch (error) {
      return [`${key} ${Error.isError(error) ? error.message : String(error)}`];
    }
  });
}

function timingProblems(jobs: RawSettings["jobs"]): string[] {
  return jobs.claimTtl < 3 * jobs.sweepInterval
    ? [
        `jobs.claimTtl (${jobs.claimTtl} ms) must be at least 3 × jobs.sweepInterval (${jobs.sweepInterval} ms)`,
      ]
    : [];
}

function valueOf(sources: SettingsSources, key: string): unknown {
  const { values } = sources;
  return values !== null && typeof values === "object"
    ? (values as Record<string, unknown>)[key]
    : undefined;
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function complete(
  raw: RawSettings,
  secrets: { amqp: string | null; redis: string | null },
  sources: SettingsSources,
): Settings {
  const projectId = raw.cache.cinder_internal_tenant_project_id;
  const userId = raw.cache.cinder_internal_tenant_user_id;
  return Object.freeze({
    ...raw,
    nodeName: raw.nodeName === "" ? hostname() : raw.nodeName,
    amqp: { ...raw.amqp, password: secrets.amqp },
    redis: { ...raw.redis, password: secrets.redis },
    backends: backendsOf(raw).map(([name, backend]) => ({
      name,
      driver: backend.driver,
      root: backend.root,
      cacheEnabled:
        backend.image_volume_cache_enabled ??
        raw.cache.image_volume_cache_enabled,
      limits: {
        maxSizeGb:
          backend.image_volume_cache_max_size_gb ??
          raw.cache.image_volume_cache_max_size_gb,
        maxCount:
          backend.image_volume_cache_max_count ??
          raw.cache.image_volume_cache_max_count,
      },
    })),
    internalTenant: {
      projectId: projectId === "" ? fixedInternalTenant : projectId,
      userId: userId === "" ? fixedInternalTenant : userId,
      isConfigured: projectId !== "" && userId !== "",
    },
    sources: sources.names,
  });
}
