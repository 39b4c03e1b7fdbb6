import { describe, expect, it } from "@jest/globals";
import {
  array,
  assert as check,
  asyncProperty,
  interruptAfterTimeLimit,
  nat,
  record,
} from "fast-check";
import { silentLogger } from "../../../daemon/logger.ts";
import { connectRedis } from "../../../daemon/redis/connection.ts";
import { Comparison } from "../../helpers/cache-comparison.ts";
import { redisStores } from "../../helpers/redis-rig.ts";
import { useRedis } from "../../helpers/use-redis.ts";

const server = useRedis();

describe("cache index in Redis", () => {
  it("answers like the plain model, whatever several workers do", async () => {
    await using redis = connectRedis({
      url: server.url,
      clientName: "ivc:test",
      logger: silentLogger,
    });
    const longMs = 3_600_000;
    const times = {
      claimTtlMs: longMs,
      leaseTtlMs: longMs,
      waiterTtlMs: longMs,
    };
    const stores = redisStores(redis, "n1", times);
    let done = 0;
    const step = record({
      kind: nat(19),
      pick: nat(30),
      value: nat(30),
    });
    await redis.call(async (client) => await client.ping());
    await check(
      asyncProperty(
        array(step, { minLength: 60, maxLength: 120 }),
        async (steps) => {
          await server.redis.flushdb();
          const comparison = new Comparison(server.redis, stores);
          for (const each of steps) {
            await comparison.run(each);
            done += 1;
          }
        },
      ),
      { numRuns: 200, plugins: [interruptAfterTimeLimit(10_000)] },
    );
    expect(done).toBeGreaterThan(200);
  });
});
