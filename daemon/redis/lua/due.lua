--[[
  Lists the members that are due, the longest waiting first. Changes nothing.

    KEYS[1]  members  (ZSET)  by the time they are due
    ARGV[1]  at most this many

  Returns {member, …}
]]
local members = KEYS[1]
local limit = ARGV[1]
return redis.call("ZRANGEBYSCORE", members, "-inf", now_ms(), "LIMIT", 0, limit)
