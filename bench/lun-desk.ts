import { randomBytes } from "node:crypto";
import type { IscsiTarget } from "../daemon/backends/volume-backend.ts";
import type { PlainRestClient } from "./plain-rest-client.ts";

const host = "bench";
const initiatorName = "iqn.2026-11.test.image-volume-cache:bench";

/** Gives out new LUNs of an array, connected to a host of the bench's. */
export class LunDesk {
  readonly #rest: PlainRestClient;
  readonly #portals: readonly string[];
  readonly #iqn: string;

  private constructor(
    rest: PlainRestClient,
    portals: readonly string[],
    iqn: string,
  ) {
    this.#rest = rest;
    this.#portals = portals;
    this.#iqn = iqn;
  }

  static async open(rest: PlainRestClient): Promise<LunDesk> {
    await rest.call("POST", `hosts?names=${host}`, { iqns: [initiatorName] });
    const ports = await rest.call("GET", "ports?limit=100");
    const iscsi = ports.filter(({ iqn, portal }) => iqn && portal);
    const portals = iscsi.map(({ portal }) => String(portal));
    return new LunDesk(rest, portals, String(iscsi[0]?.["iqn"]));
  }

  /** A volume that reads as zeroes; disposing it leaves nothing of it. */
  async lend(sizeBytes: number): Promise<IscsiTarget> {
    const name = `bench-${randomBytes(5).toString("hex")}`;
    const [volume] = await this.#rest.call("POST", `volumes?names=${name}`, {
      provisioned: sizeBytes,
    });
    const pair = `host_names=${host}&volume_names=${name}`;
    const [connection] = await this.#rest.call(
      "POST",
      `connections?${pair}`,
      {},
    );
    return {
      kind: "iscsi",
      portals: this.#portals,
      iqn: this.#iqn,
      lun: Number(connection?.["lun"]),
      initiatorName,
      chap: null,
      serial: String(volume?.["serial"]),
      sizeBytes,
      [Symbol.asyncDispose]: async () => {
        await this.#rest.call("DELETE", `connections?${pair}`);
        const gone = { destroyed: true };
        await this.#rest.call("PATCH", `volumes?names=${name}`, gone);
        await this.#rest.call("DELETE", `volumes?names=${name}`);
      },
    };
  }
}
