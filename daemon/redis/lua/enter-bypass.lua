--[[
  Takes one of the few places for copies that bypass the cache.

    KEYS[1]  entry   (HASH)
    KEYS[2]  bypass  (ZSET)  job ids by expiry
    ARGV[1]  job id
    ARGV[2]  number of places
    ARGV[3]  ms until the place expires

  Returns {"go"} | {"wait"} | {"ready"}: the cache can serve it
]]
local entry, bypass = KEYS[1], KEYS[2]
local job_id, places, ttl = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local now = now_ms()
redis.call("ZREMRANGEBYSCORE", bypass, "-inf", now)
local has_place = redis.call("ZSCORE", bypass, job_id)
if not has_place then
  if redis.call("HGET", entry, "state") == "ready" then
    return { "ready" }
  end
  if redis.call("ZCARD", bypass) >= places then
    return { "wait" }
  end
end
redis.call("ZADD", bypass, now + ttl, job_id)
redis.call("PEXPIRE", bypass, ttl)
return { "go" }
