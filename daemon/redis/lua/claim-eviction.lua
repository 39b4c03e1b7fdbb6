--[[
  Hands out an evicting entry that is due and not leased; it is due again later.

    KEYS[1]  entry   (HASH)    KEYS[2]  leases  (ZSET)
    KEYS[3]  evicting  (ZSET)  KEYS[4]  use     (HASH)
    ARGV[1]  entry key
    ARGV[2]  ms until it is due again
    ARGV[3]  ms until a leased one is looked at again

  Returns {"claimed", entry} | {"leased"} | {"not-due"}
]]
local entry, leases, evicting, use = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local key, retry_ms, look_ms = ARGV[1], ARGV[2], ARGV[3]
local now = now_ms()
local due = redis.call("ZSCORE", evicting, key)
if not due or tonumber(due) > now then
  return { "not-due" }
end
local found = redis.call("HMGET", entry, "state", "force", "stuck", "size_gb")
if found[1] ~= "evicting" then
  redis.call("ZREM", evicting, key)
  return { "not-due" }
end
if not found[2] and redis.call("ZCOUNT", leases, "(" .. now, "+inf") > 0 then
  redis.call("ZADD", evicting, now + look_ms, key)
  return { "leased" }
end
if found[3] then
  redis.call("HDEL", entry, "stuck")
  count(use, "evicting", found[4], 1)
end
redis.call("ZADD", evicting, now + retry_ms, key)
return { "claimed", redis.call("HGETALL", entry) }
