import type { Logger } from "../../logger.ts";
import type { Options } from "../volume-backend.ts";
import type { ArrayClient } from "./array-client.ts";
import { ArrayRefusedError, UnknownOutcomeError } from "./array-errors.ts";
import { isAbsent } from "./array-refusals.ts";
import { findHost, hostWith } from "./find-host.ts";
import {
  chapUnknown,
  hostTaken,
  notWriter,
  writersInitiator,
} from "./host-errors.ts";
import { hostItem } from "./host-items.ts";
import type { HostItem } from "./host-items.ts";
import type { HostNames } from "./host-names.ts";
import type { Initiator } from "./initiator.ts";
import { untilKnown } from "./until-known.ts";

const maxAttempts = 4;

/** A host as it has to be before a volume is connected to it. */
export interface WantedHost {
  /** A daemon writes only through a host that daemons made, so that what it leaves there is known. */
  readonly role: "writer" | "connector";
  readonly initiator: Initiator;
  /** What it is called where it has to be made. */
  readonly name: string;
  readonly personality: string | null;
  /** Null: without CHAP. */
  readonly chapPassword: string | null;
}

/** What {@link HostRecords} needs. */
export interface HostRecordsOptions {
  readonly client: ArrayClient;
  readonly names: HostNames;
  readonly logger: Logger;
}

/** The hosts of an array: those of an administrator are used as they are, ours are made, set up and deleted. */
export class HostRecords {
  readonly #client: ArrayClient;
  readonly #names: HostNames;
  readonly #logger: Logger;
  /** Hosts whose CHAP account this process has set; the array never tells what password one has. */
  readonly #withChap = new Set<string>();

  constructor({ client, names, logger }: HostRecordsOptions) {
    this.#client = client;
    this.#names = names;
    this.#logger = logger;
  }

  /** Finds the host or makes it. Several daemons may do so at once: one of them makes it, all of them use it. */
  async ensure(wanted: WantedHost, options: Options): Promise<HostItem> {
    for (let attempt = 1; ; attempt += 1) {
      const isLast = attempt === maxAttempts;
      const host =
        (await findHost(this.#client, wanted.initiator, options)) ??
        (await this.#make(wanted, isLast, options));
      if (host !== null) {
        await this.#setUp(host, wanted, options);
        return host;
      }
    }
  }

  /** Deletes a host that was made for a connector; the array keeps one that has a volume. Absent = done. */
  async remove(name: string, options: Options): Promise<void> {
    try {
      await untilKnown(
        async () => {
          await this.#client.write(
            { method: "DELETE", path: "hosts", query: { names: name } },
            hostItem,
            options,
          );
          return true;
        },
        async () => ((await this.#exists(name, options)) ? null : true),
      );
      this.#logger.info("host removed", { host: name });
    } catch (error) {
      if (!(error instanceof ArrayRefusedError)) {
        throw error;
      }
      if (!isAbsent(error)) {
        // In use after all, or a member of a group that an administrator put it in.
        this.#logger.debug("host left on the array", { host: name, error });
        return;
      }
    }
    this.#withChap.delete(name.toLowerCase());
  }

  async #exists(name: string, options: Options): Promise<boolean> {
    try {
      const hosts = await this.#client.list(
        "hosts",
        { names: name },
        hostItem,
        options,
      );
      return hosts.length > 0;
    } catch (error) {
      if (isAbsent(error)) {
        return false;
      }
      throw error;
    }
  }

  /** Null: it has to be looked for again. */
  async #make(
    wanted: WantedHost,
    isLast: boolean,
    options: Options,
  ): Promise<HostItem | null> {
    const { name, initiator } = wanted;
    // A name that is free may come with an account we know nothing of.
    this.#withChap.delete(name.toLowerCase());
    try {
      const made = await this.#client.write(
        {
          method: "POST",
          path: "hosts",
          query: { names: name },
          body: { [initiator.attribute]: initiator.names },
        },
        hostItem,
        options,
      );
      this.#logger.info("host made", {
        host: name,
        initiators: initiator.names,
      });
      const host = hostWith(initiator, made);
      if (host !== null || !isLast) {
        return host;
      }
      throw hostTaken(name, initiator);
    } catch (error) {
      const isTaken =
        error instanceof ArrayRefusedError &&
        error.says("already exists", "already in use");
      if (!isTaken && !(error instanceof UnknownOutcomeError)) {
        throw error;
      }
      if (isLast) {
        throw isTaken ? hostTaken(name, initiator, { cause: error }) : error;
      }
      return null;
    }
  }

  async #setUp(
    host: HostItem,
    wanted: WantedHost,
    options: Options,
  ): Promise<void> {
    const isWriter = this.#names.isWriter(host.name);
    if (isWriter !== (wanted.role === "writer")) {
      throw isWriter
        ? writersInitiator(wanted.initiator)
        : notWriter(host.name, wanted.initiator);
    }
    if (!this.#isOurs(host.name)) {
      if (wanted.chapPassword !== null) {
        throw chapUnknown(host.name, wanted.initiator);
      }
      return;
    }
    const { personality } = wanted;
    const body = {
      ...(personality === null || personality === host.personality
        ? {}
        : { personality }),
      ...this.#chapChange(host, wanted),
    };
    if (Object.keys(body).length === 0) {
      return;
    }
    await untilKnown(
      async () => {
        await this.#client.write(
          { method: "PATCH", path: "hosts", query: { names: host.name }, body },
          hostItem,
          options,
        );
        return true;
      },
      // It sets values, so it may be sent again; a password cannot be read back.
      () => Promise.resolve(null),
    );
    if (wanted.chapPassword !== null) {
      this.#withChap.add(host.name.toLowerCase());
    }
  }

  #isOurs(name: string): boolean {
    return this.#names.isConnector(name) || this.#names.isWriter(name);
  }

  #chapChange(host: HostItem, { chapPassword }: WantedHost): object {
    if (chapPassword === null) {
      // An account left from a time with CHAP would keep everybody out.
      return host.chap === null || host.chap === ""
        ? {}
        : { chap: { host_user: "", host_password: "" } };
    }
    const isSet =
      host.chap === host.name && this.#withChap.has(host.name.toLowerCase());
    return isSet
      ? {}
      : { chap: { host_user: host.name, host_password: chapPassword } };
  }
}
