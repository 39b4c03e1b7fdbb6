--[[
  Gives up a lease and a place among the waiters.

    KEYS[1]  leases   (ZSET)  job ids by expiry
    KEYS[2]  waiters  (ZSET)  job ids by expiry
    ARGV[1]  job id
    ARGV[2]  entry key
    ARGV[3]  channel of hints

  Returns {"released"} | {"absent"}
]]
local leases, waiters = KEYS[1], KEYS[2]
local job_id, key, hints = ARGV[1], ARGV[2], ARGV[3]
local gone = redis.call("ZREM", leases, job_id) + redis.call("ZREM", waiters, job_id)
if gone == 0 then
  return { "absent" }
end
redis.call("PUBLISH", hints, "entry:" .. key)
return { "released" }
