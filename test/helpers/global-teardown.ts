import { TestBroker } from "./test-broker.ts";

/** After the last integration test: ends the RabbitMQ of this run, if one was asked for. */
export default async function globalTeardown(): Promise<void> {
  const broker: unknown = Reflect.get(globalThis, "testBroker");
  if (broker instanceof TestBroker) {
    await broker[Symbol.asyncDispose]();
  }
}
