import { Agent } from "node:https";
import { isIP } from "node:net";
import { type TLSSocket, connect } from "node:tls";
import type { ArrayAddress } from "./array-address.ts";
import type { TlsCheck } from "./tls-trust.ts";

/** A connection whose other end could not prove to be the array; nothing was sent over it. */
export class UntrustedError extends Error {
  override readonly name = "UntrustedError";
}

/** What an agent is made of. */
export interface VerifiedAgentOptions {
  readonly address: ArrayAddress;
  readonly check: TlsCheck;
  readonly maxSockets: number;
  /** Until name, connection and handshake are done. */
  readonly connectMs: number;
  /** How long a connection is kept without use. */
  readonly idleMs: number;
}

/**
 * Kept-alive connections to one array. A request gets its connection only after the handshake and the check, so a
 * request without one has not left, and a stranger never sees a header. All are closed on dispose.
 */
export class VerifiedAgent implements Disposable {
  readonly agent: Agent;
  readonly #options: VerifiedAgentOptions;
  readonly #opening = new Set<TLSSocket>();

  constructor(options: VerifiedAgentOptions) {
    this.#options = options;
    this.agent = new Agent({
      keepAlive: true,
      maxSockets: options.maxSockets,
      timeout: options.idleMs,
    });
    // The agent of Node takes a socket from the callback when nothing is returned; its own way hands it out unconnected.
    this.agent.createConnection = (_request, callback) => {
      this.#open(callback as Done);
      return undefined;
    };
  }

  [Symbol.dispose](): void {
    this.agent.destroy();
    for (const socket of this.#opening) {
      socket.destroy();
    }
  }

  #open(done: Done): void {
    const { address, check, connectMs } = this.#options;
    // No session is ever resumed: a resumed one does not show the certificate again.
    const socket = connect({
      ...check.options,
      host: address.host,
      port: address.port,
      ...(isIP(address.host) === 0 && { servername: address.host }),
      minVersion: "TLSv1.2",
      ALPNProtocols: ["http/1.1"],
    });
    this.#opening.add(socket);
    socket.setKeepAlive(true, 30_000);
    socket.setNoDelay(true);
    const timer = setTimeout(() => {
      socket.destroy(new Error(`no TLS connection within ${connectMs} ms`));
    }, connectMs);
    const settle = (error: Error | null): void => {
      clearTimeout(timer);
      this.#opening.delete(socket);
      socket.off("error", settle);
      socket.off("close", onClose);
      if (error === null) {
        done(null, socket);
        return;
      }
      socket.on("error", () => {});
      socket.destroy();
      done(error);
    };
    const onClose = (): void => {
      settle(new Error("closed during the TLS handshake"));
    };
    socket.once("error", settle);
    socket.once("close", onClose);
    socket.once("secureConnect", () => {
      const objection = check.objectionTo(socket);
      settle(objection === null ? null : new UntrustedError(objection));
    });
  }
}

type Done = (error: Error | null, socket?: TLSSocket) => void;
