--[[
  Puts an eviction off; until it is tried again no reserve counts on it.

    KEYS[1]  entry     (HASH)
    KEYS[2]  evicting  (ZSET)
    KEYS[3]  use       (HASH)
    ARGV[1]  entry key
    ARGV[2]  ms until it is due again

  Returns {"later"} | {"absent"}
]]
local entry, evicting, use = KEYS[1], KEYS[2], KEYS[3]
local key, retry_ms = ARGV[1], ARGV[2]
local found = redis.call("HMGET", entry, "state", "stuck", "size_gb")
if found[1] ~= "evicting" then
  return { "absent" }
end
if not found[2] then
  redis.call("HSET", entry, "stuck", "1")
  count(use, "evicting", -found[3], -1)
end
redis.call("ZADD", evicting, now_ms() + retry_ms, key)
return { "later" }
