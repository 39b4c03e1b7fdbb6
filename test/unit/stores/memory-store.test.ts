import { cacheEvictionContract } from "../../contract/cache-eviction.contract.ts";
import { cacheStoreContract } from "../../contract/cache-store.contract.ts";
import { jobStoreContract } from "../../contract/job-store.contract.ts";
import { outboxContract } from "../../contract/outbox.contract.ts";
import { shortTimes, type StoreRig } from "../../contract/store-kit.ts";
import { MemoryStore } from "../../fakes/memory-store.ts";

async function memoryRig(): Promise<StoreRig> {
  let now = 1_763_819_677_000;
  const store = new MemoryStore({ ...shortTimes, now: () => now });
  return {
    n1: store.forNode("n1"),
    n2: store.forNode("n2"),
    async advance(ms) {
      now += ms;
    },
  };
}

cacheStoreContract("memory", memoryRig);
cacheEvictionContract("memory", memoryRig);
jobStoreContract("memory", memoryRig);
outboxContract("memory", memoryRig);
