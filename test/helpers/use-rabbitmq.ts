import { randomBytes } from "node:crypto";
import { afterAll, beforeAll } from "@jest/globals";
import { askTestBroker } from "./test-broker.ts";

/** A vhost of the test file's own on the RabbitMQ that all files of a run share. */
export interface RabbitmqVhost {
  /** With the vhost; readable from the first `beforeAll` after `useRabbitmq()` on. */
  readonly url: string;
  readonly vhost: string;
  /** Runs `rabbitmqctl` with these arguments; `-p <vhost>` is not added. */
  ctl(...args: string[]): Promise<string>;
}

/** Gives the test file a vhost before its first test and drops it after the last. */
export function useRabbitmq(): RabbitmqVhost {
  const vhost = `test-${randomBytes(5).toString("hex")}`;
  let url = "";
  beforeAll(async () => {
    url = await askTestBroker("add-vhost", vhost);
  }, 120_000);
  afterAll(async () => {
    if (url.endsWith(vhost)) {
      await askTestBroker("ctl", "delete_vhost", vhost);
    }
  });
  return {
    vhost,
    get url() {
      return url;
    },
    ctl: async (...args) => await askTestBroker("ctl", ...args),
  };
}
