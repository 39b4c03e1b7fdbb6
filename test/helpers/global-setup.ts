import { TestBroker } from "./test-broker.ts";

/** Before the first integration test: a place to ask for the one RabbitMQ of this run. */
export default async function globalSetup(): Promise<void> {
  const broker = await TestBroker.open();
  process.env["IVC_TEST_BROKER_SOCKET"] = broker.socketPath;
  Object.assign(globalThis, { testBroker: broker });
}
