--[[
  Forgets finished jobs.

    KEYS[1]  jobs done  (ZSET)  by end
    KEYS[2…] job        (HASH)
    ARGV[1]  ms after which a finished job is forgotten anyway
    ARGV[2…] job ids

  Returns {number forgotten}
]]
local jobs_done = KEYS[1]
local done_ttl = ARGV[1]
redis.call("ZREMRANGEBYSCORE", jobs_done, "-inf", now_ms() - done_ttl)
local forgotten = 0
for i = 2, #KEYS do
  if redis.call("ZREM", jobs_done, ARGV[i]) == 1 then
    redis.call("DEL", KEYS[i])
    forgotten = forgotten + 1
  end
end
return { forgotten }
