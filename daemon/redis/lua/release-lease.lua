--[[
  Gives up a lease and a place among the waiters.

    KEYS[1]  leases   (ZSET)  job ids by expiry
    KEYS[2]  waiters  (ZSET)  job ids by expiry
    KEYS[3]  job      (HASH)
    ARGV[1]  job id
    ARGV[2]  entry key
    ARGV[3]  channel of hints
    ARGV[4]  token of the job's claim

  Returns {"released"} | {"absent"} | {"lost"}
]]
local leases, waiters = KEYS[1], KEYS[2]
local job_id, key, hints = ARGV[1], ARGV[2], ARGV[3]
if not owns(KEYS[3], ARGV[4]) then
  return { "lost" }
end
local gone = redis.call("ZREM", leases, job_id) + redis.call("ZREM", waiters, job_id)
if gone == 0 then
  return { "absent" }
end
redis.call("PUBLISH", hints, "entry:" .. key)
return { "released" }
