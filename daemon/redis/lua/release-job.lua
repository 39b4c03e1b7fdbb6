--[[
  Makes an open job due at once, so that any daemon may take it over.

    KEYS[1]  job        (HASH)
    KEYS[2]  jobs open  (ZSET)  by end of claim
    ARGV[1]  job id
    ARGV[2]  field that has to have a value: token or node
    ARGV[3]  that value

  Returns {"released"} | {"lost"}
]]
local job, jobs_open = KEYS[1], KEYS[2]
local job_id, field, value = ARGV[1], ARGV[2], ARGV[3]
local found = redis.call("HMGET", job, field, "done")
if found[1] ~= value or found[2] then
  return { "lost" }
end
if field == "token" then
  -- Given up, not died: the next owner's takeover must not count towards the poison limit.
  redis.call("HSET", job, "released", value)
end
redis.call("ZADD", jobs_open, now_ms(), job_id)
return { "released" }
