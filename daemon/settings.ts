import { hostname } from "node:os";
import { join } from "node:path";
import { parseAmqpUrl } from "./consumers/amqp-endpoint.ts";
import { UrlAllowList } from "./imagesync/web/url-allow-list.ts";
import { redactUrl } from "./redact.ts";
import { readArrayFiles } from "./settings/array-files.ts";
import {
  type ArrayFiles,
  type BackendSettings,
  backendSettings,
} from "./settings/backend-settings.ts";
import { explainIssue } from "./settings/explain.ts";
import {
  backendsOf,
  firstRoot,
  relationProblems,
  timingProblems,
} from "./settings/relations.ts";
import {
  parsedByAdapters,
  type RawSettings,
  settingsSchema,
} from "./settings/schema.ts";
import { readSecret, type SecretReference } from "./settings/secrets.ts";
import { readSources, type SettingsSources } from "./settings/sources.ts";

export type {
  BackendSettings,
  FileBackendSettings,
  FlashArrayBackendSettings,
} from "./settings/backend-settings.ts";

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
    backends: settings.backends.map((backend) =>
      backend.driver === "file"
        ? backend
        : {
            ...backend,
            apiToken: "***",
            chapSecret: password(backend.chapSecret),
            // No secret, but pages of letters that say nothing beside their path.
            trust:
              backend.trust.kind === "ca"
                ? { ...backend.trust, pem: "…" }
                : backend.trust,
          },
    ),
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
  const secrets = readSecrets(raw, environment, problems);
  problems.push(...parsingProblems(raw), ...relationProblems(raw));
  if (problems.length > 0) {
    throw new SettingsError(problems);
  }
  return complete(raw, secrets, sources);
}

/** What the settings name and do not say themselves. */
interface Secrets {
  readonly amqp: string | null;
  readonly redis: string | null;
  readonly arrays: ReadonlyMap<string, ArrayFiles>;
}

function readSecrets(
  raw: RawSettings,
  environment: Readonly<Record<string, string | undefined>>,
  problems: string[],
): Secrets {
  const read = (key: string, reference: SecretReference) =>
    secretOf(key, reference, environment, problems);
  const arrays = new Map<string, ArrayFiles>();
  for (const [name, backend] of backendsOf(raw)) {
    if (backend.driver === "flasharray") {
      arrays.set(name, readArrayFiles(name, backend, read, problems));
    }
  }
  return {
    amqp: read("amqp.password", raw.amqp.password),
    redis: read("redis.password", raw.redis.password),
    arrays,
  };
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

function valueOf(sources: SettingsSources, key: string): unknown {
  const { values } = sources;
  return values !== null && typeof values === "object"
    ? (values as Record<string, unknown>)[key]
    : undefined;
}

function complete(
  raw: RawSettings,
  secrets: Secrets,
  sources: SettingsSources,
): Settings {
  const projectId = raw.cache.cinder_internal_tenant_project_id;
  const userId = raw.cache.cinder_internal_tenant_user_id;
  const nodeName = raw.nodeName === "" ? hostname() : raw.nodeName;
  const backends = backendsOf(raw);
  return Object.freeze({
    ...raw,
    nodeName,
    amqp: { ...raw.amqp, password: secrets.amqp },
    redis: { ...raw.redis, password: secrets.redis },
    images: {
      ...raw.images,
      scratchDir:
        raw.images.scratchDir === ""
          ? join(firstRoot(backends) ?? "", ".scratch")
          : raw.images.scratchDir,
    },
    backends: backends.map((backend) =>
      backendSettings(
        backend,
        raw.cache,
        nodeName,
        secrets.arrays.get(backend[0]) ?? null,
      ),
    ),
    internalTenant: {
      projectId: projectId === "" ? fixedInternalTenant : projectId,
      userId: userId === "" ? fixedInternalTenant : userId,
      isConfigured: projectId !== "" && userId !== "",
    },
    sources: sources.names,
  });
}
