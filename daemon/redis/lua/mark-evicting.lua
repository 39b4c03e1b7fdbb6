--[[
  Takes a ready entry out of service.

    KEYS[1]  entry     (HASH)    KEYS[2]  leases  (ZSET)
    KEYS[3]  recency   (ZSET)    KEYS[4]  evicting  (ZSET)
    KEYS[5]  use       (HASH)
    ARGV[1]  entry key
    ARGV[2]  reason
    ARGV[3]  1: running clones do not hold it
    ARGV[4]  channel of hints
    ARGV[5]  fill whose image-volume is meant, or ""

  Returns {"evicting", entry} | {"busy", number of leases} | {"filling"} | {"absent"}
]]
local entry, leases, recency, evicting, use = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local key, reason, is_forced, hints = ARGV[1], ARGV[2], ARGV[3] == "1", ARGV[4]
local fill_id = ARGV[5]
local now = now_ms()
local found = redis.call("HMGET", entry, "state", "fill_id")
local state = found[1]
if not state or (fill_id ~= "" and found[2] ~= fill_id) then
  return { "absent" }
end
if state == "filling" then
  return { "filling" }
end
if is_forced then
  redis.call("HSET", entry, "force", "1")
end
if not redis.call("HGET", entry, "force") then
  local held = redis.call("ZCOUNT", leases, "(" .. now, "+inf")
  if held > 0 then
    return { "busy", held }
  end
end
if state == "ready" then
  mark_evicting(entry, key, recency, evicting, use, reason, now)
  redis.call("PUBLISH", hints, "entry:" .. key)
end
return { "evicting", redis.call("HGETALL", entry) }
