--[[
  Forgets rows that were sent.

    KEYS[1]  outbox      (HASH)
    KEYS[2]  outbox due  (ZSET)
    ARGV     row ids

  Returns {number forgotten}
]]
local outbox, outbox_due = KEYS[1], KEYS[2]
redis.call("ZREM", outbox_due, unpack(ARGV))
return { redis.call("HDEL", outbox, unpack(ARGV)) }
