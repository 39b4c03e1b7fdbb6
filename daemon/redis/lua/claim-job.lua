--[[
  Takes over a job whose owner stopped renewing, or gave it up: that does not count as a takeover. The entry of a fill gets the new token too.

    KEYS[1]  job        (HASH)
    KEYS[2]  jobs open  (ZSET)    by end of claim
    KEYS[3]  fence      (STRING)
    KEYS[4]  entry      (HASH)    of a fill
    ARGV[1]  job id
    ARGV[2]  node
    ARGV[3]  claim ms

  Returns {"claimed", job} | {"not-due"}
]]
local job, jobs_open, fence, entry = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local job_id, node, claim_ttl = ARGV[1], ARGV[2], ARGV[3]
local now = now_ms()
local due = redis.call("ZSCORE", jobs_open, job_id)
if not due or tonumber(due) > now then
  return { "not-due" }
end
if redis.call("EXISTS", job) == 0 then
  redis.call("ZREM", jobs_open, job_id)
  return { "not-due" }
end
local token = redis.call("INCR", fence)
if redis.call("HDEL", job, "released") == 0 then
  redis.call("HINCRBY", job, "takeovers", 1)
end
redis.call("HSET", job, "token", token, "node", node)
redis.call("ZADD", jobs_open, now + claim_ttl, job_id)
if redis.call("HGET", entry, "fill_id") == job_id then
  redis.call("HSET", entry, "token", token)
end
return { "claimed", redis.call("HGETALL", job) }
