import { once } from "node:events";
import { createServer, isIPv6 } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { freePort } from "./free-port.ts";
import { loginStatus, makeReply, opcodes, takeRequest } from "./login-pdu.ts";
import type { IscsiRequest } from "./login-pdu.ts";

/** What the desk is told to serve. */
export interface LoginDeskOptions {
  readonly iqn: string;
  /** Local addresses, each with or without `:port`; a free one is taken without. */
  readonly addresses: readonly string[];
  /** Where this initiator's LUNs are; null: it is nobody's, or its host has nothing. */
  readonly portalFor: (initiator: string) => Promise<string | null>;
}

const silenceMs = 10_000;

/**
 * The array's portals. One target name with other LUNs for each host: it reads who logs in and sends the initiator on to
 * its host's own tgtd ("target moved temporarily"). Discovery it answers itself.
 */
export class LoginDesk implements AsyncDisposable {
  readonly portals: readonly string[];
  readonly #options: LoginDeskOptions;
  readonly #servers: readonly Server[];
  readonly #sockets = new Set<Socket>();

  private constructor(options: LoginDeskOptions, servers: readonly Server[]) {
    this.#options = options;
    this.#servers = servers;
    this.portals = servers.map((server) => portalOf(server));
    for (const server of servers) {
      server.on("connection", (socket) => this.#receive(socket));
    }
  }

  static async open(options: LoginDeskOptions): Promise<LoginDesk> {
    const servers: Server[] = [];
    try {
      for (const address of options.addresses) {
        const server = createServer();
        servers.push(server);
        const { hostname, port } = new URL(`iscsi://${address}`);
        const host = hostname.replaceAll(/[[\]]/g, "");
        const wanted = port === "" ? await freePort(host) : Number(port);
        server.listen({ host, port: wanted, exclusive: true });
        await once(server, "listening");
      }
    } catch (error) {
      for (const server of servers) {
        server.close();
      }
      throw new Error(
        `cannot open the iSCSI portals ${options.addresses.join(", ")}: ${(error as Error).message}`,
        { cause: error },
      );
    }
    return new LoginDesk(options, servers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#servers.map(async (server) => {
      server.close();
      await once(server, "close");
    });
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    await Promise.all(closed);
  }

  #receive(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    socket.setTimeout(silenceMs, () => socket.destroy());
    // An initiator that goes away is no affair of the array's.
    socket.on("error", () => {});
    this.#serve(socket).catch(() => socket.destroy());
  }

  async #serve(socket: Socket): Promise<void> {
    let bytes: Buffer = Buffer.alloc(0);
    let statSn = 0;
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      bytes = Buffer.concat([bytes, chunk]);
      for (;;) {
        const taken = takeRequest(bytes);
        if (taken === null) {
          break;
        }
        bytes = taken.rest;
        statSn += 1;
        const { reply, isLast } = await this.#answer(taken.request, statSn);
        socket.write(reply);
        if (isLast) {
          socket.end();
          return;
        }
      }
    }
  }

  async #answer(request: IscsiRequest, statSn: number): Promise<DeskReply> {
    switch (request.opcode) {
      case opcodes.login:
        return await this.#answerLogin(request, statSn);
      case opcodes.text: {
        const places = this.portals.map((portal): [string, string] => {
          return ["TargetAddress", `${portal},1`];
        });
        const text: [string, string][] = [
          ["TargetName", this.#options.iqn],
          ...places,
        ];
        const reply = makeReply(request, { statSn, flags: 0x80, text });
        return { reply, isLast: false };
      }
      case opcodes.logout: {
        const reply = makeReply(request, { statSn, flags: 0x80 });
        return { reply, isLast: true };
      }
      default:
        throw new Error(`opcode ${request.opcode} is no part of a discovery`);
    }
  }

  async #answerLogin(
    request: IscsiRequest,
    statSn: number,
  ): Promise<DeskReply> {
    const flags = request.header.readUInt8(1) & 0x8f;
    const { keys } = request;
    const isNamed = keys.has("InitiatorName");
    if (keys.get("SessionType") === "Discovery" || (!isNamed && statSn > 1)) {
      const isFull = (flags & 0x83) === 0x83;
      const tsih = isFull ? 1 : 0;
      const text = agreed(keys);
      const reply = makeReply(request, { statSn, flags, tsih, text });
      return { reply, isLast: false };
    }
    const { status, portal } = await this.#decide(keys);
    const text: [string, string][] =
      portal === null ? [] : [["TargetAddress", `${portal},1`]];
    const reply = makeReply(request, { statSn, flags, status, text });
    return { reply, isLast: true };
  }

  async #decide(
    keys: ReadonlyMap<string, string>,
  ): Promise<{ readonly status: number; readonly portal: string | null }> {
    const initiator = keys.get("InitiatorName");
    const target = keys.get("TargetName");
    if (initiator === undefined || target === undefined) {
      return { status: loginStatus.missingParameter, portal: null };
    }
    if (target.toLowerCase() !== this.#options.iqn) {
      return { status: loginStatus.notFound, portal: null };
    }
    try {
      const portal = await this.#options.portalFor(initiator);
      return portal === null
        ? { status: loginStatus.forbidden, portal }
        : { status: loginStatus.movedTemporarily, portal };
    } catch {
      return { status: loginStatus.outOfResources, portal: null };
    }
  }
}

interface DeskReply {
  readonly reply: Buffer;
  readonly isLast: boolean;
}

/** Discovery needs neither digests nor authentication. */
function agreed(keys: ReadonlyMap<string, string>): [string, string][] {
  return ["AuthMethod", "HeaderDigest", "DataDigest"]
    .filter((key) => keys.has(key))
    .map((key) => [key, "None"]);
}

function portalOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo;
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
}
