--[[
  Gives a bypass place back.

    KEYS[1]  bypass  (ZSET)  job ids by expiry
    ARGV[1]  job id
    ARGV[2]  entry key
    ARGV[3]  channel of hints

  Returns {"left"} | {"absent"}
]]
local bypass = KEYS[1]
local job_id, key, hints = ARGV[1], ARGV[2], ARGV[3]
if redis.call("ZREM", bypass, job_id) == 0 then
  return { "absent" }
end
redis.call("PUBLISH", hints, "entry:" .. key)
return { "left" }
