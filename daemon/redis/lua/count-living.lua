--[[
  Counts the members that have not expired.

    KEYS[1]  members  (ZSET)  by expiry

  Returns {number}
]]
local members = KEYS[1]
return { redis.call("ZCOUNT", members, "(" .. now_ms(), "+inf") }
