import { createFlashArrayBackend } from "./backends/flash-array/create-flash-array-backend.ts";
import { HostConnections } from "./backends/flash-array/host-connections.ts";
import { openArrayClient } from "./backends/flash-array/open-array-client.ts";
import type { VolumeBackend } from "./backends/volume-backend.ts";
import { DaemonError } from "./errors.ts";
import { pause } from "./jobs/repeater.ts";
import type { Logger } from "./logger.ts";
import type { FlashArrayBackendSettings } from "./settings.ts";
import type { ArrayMeter } from "./telemetry/array-metrics.ts";

/** Whose array backend is opened, and with what. */
export interface FlashArrayParts {
  readonly nodeName: string;
  /** Of the daemon, for the array's log. */
  readonly version: string;
  readonly own: FlashArrayBackendSettings;
  /** What the index knows this backend as; null: it is new. */
  readonly recordedIdentity: string | null;
  readonly meter: ArrayMeter;
  readonly logger: Logger;
}

const pauseMs = 5000;

/** Opens a backend on an array; an array that is away is waited for. Its session ends with `stack`. */
export async function openFlashArray(
  parts: FlashArrayParts,
  stack: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<VolumeBackend> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await openOnce(parts, stack, signal);
    } catch (error) {
      if (!isPassing(error)) {
        throw error;
      }
      parts.logger.warn("waiting for the array", {
        backend: parts.own.name,
        reason: error.message,
      });
      await pause(pauseMs, signal);
    }
  }
}

/** An array that does not answer well now, and may later; wrong settings end the start. */
function isPassing(error: unknown): error is DaemonError {
  return (
    error instanceof DaemonError &&
    error.code.startsWith("ARRAY_") &&
    error.retry !== "never"
  );
}

async function openOnce(
  parts: FlashArrayParts,
  stack: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<VolumeBackend> {
  const { nodeName, own, meter } = parts;
  const logger = parts.logger.child({ backend: own.name });
  await using opened = new AsyncDisposableStack();
  const client = opened.use(
    await openArrayClient(
      {
        address: own.address,
        apiToken: own.apiToken,
        trust: own.trust,
        restVersion: own.restVersion,
        userAgent: `image-volume-cache/${parts.version} (${process.platform})`,
        maxConcurrent: own.maxRequests,
        requestTimeoutMs: own.requestTimeoutMs,
        logger,
        onCall: (call) => {
          meter.called(call);
        },
        onLogin: () => {
          meter.loggedIn();
        },
      },
      { signal },
    ),
  );
  const hosts = new HostConnections({
    ...own,
    client,
    node: nodeName,
    prefix: own.namePrefix,
    personality: own.hostPersonality,
    logger,
  });
  const backend = await createFlashArrayBackend(
    {
      ...own,
      host: `${nodeName}@${own.name}#${own.pod ?? own.volumeGroup ?? own.name}`,
      client,
      hosts,
      prefix: own.namePrefix,
      volumeSuffix: own.nameSuffix,
      isEradicating: own.eradicateOnDelete,
      recordedIdentity: parts.recordedIdentity,
      logger,
    },
    { signal },
  );
  stack.use(opened.move());
  return backend;
}
