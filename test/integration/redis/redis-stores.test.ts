import { cacheEvictionContract } from "../../contract/cache-eviction.contract.ts";
import { cacheStoreContract } from "../../contract/cache-store.contract.ts";
import { jobStoreContract } from "../../contract/job-store.contract.ts";
import { outboxContract } from "../../contract/outbox.contract.ts";
import { redisRigs } from "../../helpers/redis-rig.ts";
import { useRedis } from "../../helpers/use-redis.ts";

const makeRig = redisRigs(useRedis());

cacheStoreContract("redis", makeRig);
cacheEvictionContract("redis", makeRig);
jobStoreContract("redis", makeRig);
outboxContract("redis", makeRig);
