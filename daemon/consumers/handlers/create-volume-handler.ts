import { createHash, randomUUID } from "node:crypto";
import { storedAccess } from "../../access.ts";
import { errorOf, RequestError } from "../../errors.ts";
import type { BackendServices } from "../../flows/backend-services.ts";
import { newAttempt } from "../../flows/create-run.ts";
import { volumeView } from "../../flows/volume-view.ts";
import type { ImageReference } from "../../image.ts";
import type { CreateRequest } from "../../jobs/job.ts";
import type { VolumeRecord } from "../../volume.ts";
import type { HandlerResult, RpcHandler, RpcRequest } from "../rpc-request.ts";
import { ArgumentReader } from "./argument-reader.ts";
import {
  answer,
  type HandlerTools,
  isForward,
  newJobId,
  servicesFor,
} from "./handler-tools.ts";
import { nameUuid } from "./name-uuid.ts";

/** Answers `create_volume`. The work itself starts from the journal, so nothing here takes long. */
export function createVolumeHandler(tools: HandlerTools): RpcHandler {
  return async (request) => {
    const { create, backend } = decode(tools, request);
    const services = servicesFor(tools, request, backend);
    if (isForward(services)) {
      return services;
    }
    return await accept(tools, services, request, create);
  };
}

function decode(
  tools: HandlerTools,
  request: RpcRequest,
): { create: CreateRequest; backend: string } {
  const args = new ArgumentReader(request.method, request.args);
  const volumeId = args.uuid("volume_id");
  const reference = readReference(args);
  const create: CreateRequest = {
    kind: "create",
    volumeId:
      volumeId ??
      (request.uniqueId === null ? randomUUID() : nameUuid(request.uniqueId)),
    reference,
    sizeGb: args.sizeGb("size"),
    name: args.text("name"),
    metadata: args.metadata("metadata"),
    cache: args.oneOf("cache", ["use", "bypass"]) ?? "use",
  };
  const backend = args.text("backend") ?? tools.registry.defaultName;
  args.done();
  return { create, backend };
}

function readReference(args: ArgumentReader): ImageReference {
  const imageId = args.uuid("image_id");
  const url = args.text("image_url", 2048);
  const diskFormat = args.text("disk_format", 32);
  const checksum = args.checksum("checksum");
  if (url === null) {
    if (imageId === null) {
      throw new RequestError(
        "ARG_MISSING",
        "create_volume needs image_id, or image_url with disk_format",
      );
    }
    if (diskFormat !== null || checksum !== null) {
      throw new RequestError(
        "ARG_INVALID",
        "disk_format and checksum go with image_url; for an image_id the image service tells them",
      );
    }
    return { kind: "glance", imageId };
  }
  if (imageId !== null) {
    throw new RequestError(
      "ARG_INVALID",
      "image_id and image_url exclude each other",
    );
  }
  // Refused here already, so that a password does not get into the journal.
  if (hasCredentials(url)) {
    throw new RequestError(
      "SOURCE_CREDENTIALS_IN_URL",
      "image_url must not hold a user name or a password",
    );
  }
  if (diskFormat === null) {
    throw new RequestError(
      "ARG_MISSING",
      "image_url needs disk_format (raw or qcow2): the format is never guessed",
    );
  }
  return { kind: "url", url, diskFormat: diskFormat.toLowerCase(), checksum };
}

/** As the URL parser sees it, which takes `http:user:password@host` and other odd forms too. */
function hasCredentials(url: string): boolean {
  const parsed = URL.parse(url);
  return parsed === null
    ? url.includes("@")
    : parsed.username !== "" || parsed.password !== "";
}

async function accept(
  tools: HandlerTools,
  services: BackendServices,
  request: RpcRequest,
  create: CreateRequest,
): Promise<HandlerResult> {
  const { backend } = services;
  const home = await tools.directory.remember(create.volumeId, backend.name);
  if (home !== backend.name) {
    throw new RequestError(
      "VOLUME_CONFLICT",
      `volume ${create.volumeId} is taken on another backend; use a new volume_id`,
      { status: 409, remoteClass: "InvalidVolume" },
    );
  }
  const opened = await services.jobs.openCreate({
    jobId: newJobId("create", create.volumeId),
    request: create,
    access: storedAccess(request.access),
    uniqueId: request.uniqueId ?? randomUUID(),
    digest: digestOf(create, request.access.projectId),
    host: backend.host,
    attempt: newAttempt(),
    reply: request.reply,
  });
  switch (opened.kind) {
    case "opened":
      services.heartbeats.track(opened.job.id, request.reply);
      services.runner.run(opened.job, request.access);
      return { kind: "accepted" };
    case "running":
      services.heartbeats.track(opened.jobId, request.reply);
      return { kind: "accepted" };
    case "finished":
      if (opened.volume.fault !== null) {
        throw errorOf(opened.volume.fault);
      }
      return answer(volumeView(opened.volume, backend, null));
    case "conflict":
      throw conflict(opened.volume, request);
    default:
      return opened satisfies never;
  }
}

/** Equal requests of one project have equal digests. */
function digestOf(create: CreateRequest, projectId: string | null): string {
  const { reference, sizeGb, name, metadata, cache } = create;
  const facts = [
    projectId,
    reference.kind === "glance" ? reference.imageId : reference,
    sizeGb,
    name,
    Object.entries(metadata).toSorted(([one], [other]) =>
      one < other ? -1 : 1,
    ),
    cache,
  ];
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex");
}

function conflict(volume: VolumeRecord, request: RpcRequest): RequestError {
  const isOwn = volume.projectId === request.access.projectId;
  const isGone = volume.status === "deleted" || volume.status === "deleting";
  const what = isOwn
    ? isGone
      ? volume.status === "deleted"
        ? "was deleted"
        : "is being deleted"
      : `exists (${volume.status}) from image ${volume.imageId ?? "unknown"}, asked for with other arguments`
    : "is taken";
  return new RequestError(
    "VOLUME_CONFLICT",
    `volume ${volume.volumeId} ${what}; use a new volume_id`,
    { status: 409, remoteClass: "InvalidVolume" },
  );
}
