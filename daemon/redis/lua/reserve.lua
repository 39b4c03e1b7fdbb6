--[[
  Holds room for a fill, or marks what has to go first. Use and reservations never exceed the limits by this.

    KEYS[1]  entry     (HASH)  the entry that is filled
    KEYS[2]  job       (HASH)  its fill
    KEYS[3]  use       (HASH)  counts
    KEYS[4]  reserved  (HASH)  GiB by fill
    KEYS[5]  recency   (ZSET)  ready entries by last use
    KEYS[6]  evicting  (ZSET)  evicting entries by next try
    KEYS[7…] entry (HASH) and leases (ZSET) of each candidate, least recently used first
    ARGV[1]  fill id        ARGV[2]  token            ARGV[3]  GiB wanted
    ARGV[4]  limit in GiB   ARGV[5]  limit in number  ARGV[6]  ms that the victims are left to the caller
    ARGV[7…] entry keys of the candidates

  Returns {"reserved"} | {"evict-first", key, entry, key, entry, …} | {"evictions-pending"} | {"no-room-now"}
        | {"never-fits"} | {"lost"}
]]
local entry, job, use, reserved, recency, evicting = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local fill_id, token, size_gb = ARGV[1], ARGV[2], tonumber(ARGV[3])
local max_gb, max_count, victim_ms = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local now = now_ms()

local found = redis.call("HMGET", entry, "state", "fill_id")
if not owns(job, token) or found[1] ~= "filling" or found[2] ~= fill_id then
  return { "lost" }
end
if max_gb > 0 and size_gb > max_gb then
  return { "never-fits" }
end
local counts = redis.call("HMGET", use, "entries_gb", "entries_count", "reserved_gb", "reserved_count",
  "evicting_gb", "evicting_count")
for i = 1, 6 do
  counts[i] = tonumber(counts[i] or 0)
end
local own = redis.call("HGET", reserved, fill_id)
local others_gb = counts[1] + counts[3] - (own or 0)
local others_count = counts[2] + counts[4] - (own and 1 or 0)
local missing_gb = max_gb > 0 and others_gb + size_gb - max_gb or 0
local missing_count = max_count > 0 and others_count + 1 - max_count or 0
if missing_gb <= 0 and missing_count <= 0 then
  count(use, "reserved", size_gb - (own or 0), own and 0 or 1)
  redis.call("HSET", reserved, fill_id, size_gb)
  redis.call("HSET", entry, "size_gb", size_gb)
  return { "reserved" }
end

missing_gb, missing_count = missing_gb - counts[5], missing_count - counts[6]
if missing_gb <= 0 and missing_count <= 0 then
  return { "evictions-pending" }
end
local victims = {}
for i = 7, #ARGV do
  if missing_gb <= 0 and missing_count <= 0 then
    break
  end
  local candidate, leases = KEYS[2 * i - 7], KEYS[2 * i - 6]
  local facts = redis.call("HMGET", candidate, "state", "size_gb")
  if facts[1] == "ready" and redis.call("ZCOUNT", leases, "(" .. now, "+inf") == 0 then
    victims[#victims + 1] = { key = ARGV[i], entry = candidate }
    missing_gb, missing_count = missing_gb - facts[2], missing_count - 1
  end
end
if missing_gb > 0 or missing_count > 0 then
  return { "no-room-now" }
end
local is_over = (max_gb > 0 and others_gb > max_gb) or (max_count > 0 and others_count > max_count)
local answer = { "evict-first" }
for _, victim in ipairs(victims) do
  mark_evicting(victim.entry, victim.key, recency, evicting, use, is_over and "limit" or "lru", now + victim_ms)
  answer[#answer + 1] = victim.key
  answer[#answer + 1] = redis.call("HGETALL", victim.entry)
end
return answer
