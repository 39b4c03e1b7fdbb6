--[[
  Looks up the image-volume of a content for one create: takes a lease, joins the fill, or opens one.

    KEYS[1]   entry      (HASH)    the content's entry
    KEYS[2]   job        (HASH)    the create that asks
    KEYS[3]   leases     (ZSET)    job ids by expiry
    KEYS[4]   waiters    (ZSET)    job ids by expiry
    KEYS[5]   recency    (ZSET)    ready entries by last use
    KEYS[6]   filling    (ZSET)    filling entries by start
    KEYS[7]   evicting   (ZSET)    evicting entries by next try
    KEYS[8]   alias      (STRING)  entry that the image id stands for
    KEYS[9]   failed     (STRING)  fault that the content is known for
    KEYS[10]  verdict    (STRING)  how the awaited fill ended
    KEYS[11]  jobs open  (ZSET)    job ids by end of claim
    KEYS[12]  fill       (HASH)    job of the fill that may be opened
    KEYS[13]  fence      (STRING)  tokens
    KEYS[14]  use        (HASH)    counts
    KEYS[15]  reserved   (HASH)    GiB by fill
    KEYS[16]  old entry  (HASH)    entry that the image id stood for, once that is known
    ARGV[1]   job id        ARGV[2]  its token      ARGV[3]  entry key      ARGV[4]  content
    ARGV[5]   image id      ARGV[6]  fill id        ARGV[7]  image-volume id
    ARGV[8]   1 when a fill is awaited               ARGV[9]  old entry key, or ""
    ARGV[10]  node          ARGV[11] request of the fill (JSON)     ARGV[12] access (JSON)
    ARGV[13]  claim, [14] lease, [15] waiter: lifetimes in ms       ARGV[16] channel of hints

  Returns {"hit", stale key, entry} | {"filling" or "miss", stale key, fill id} | {"failed" or "bypass", stale key, what}
        | {"evicting", stale key} | {"lost"} | {"moved", old entry key}: to be called again with that key
]]
local entry, job, leases, waiters = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local recency, filling, evicting = KEYS[5], KEYS[6], KEYS[7]
local alias, failed, verdict = KEYS[8], KEYS[9], KEYS[10]
local jobs_open, fill, fence, use, reserved = KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15]
local old_entry = KEYS[16]
local job_id, token, key, content, image_id = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local fill_id, image_volume_id, is_awaiting, old_key = ARGV[6], ARGV[7], ARGV[8] == "1", ARGV[9]
local node, request, access = ARGV[10], ARGV[11], ARGV[12]
local claim_ttl, lease_ttl, waiter_ttl, hints = ARGV[13], ARGV[14], ARGV[15], ARGV[16]
local now = now_ms()
local stale = ""

if not owns(job, token) then
  return { "lost" }
end
-- A job says which content an image id stands for when it comes first, not when it looks again: by then a newer
-- version of the image may have come.
local is_first = redis.call("HGET", job, "entry_key") ~= key
local current = redis.call("GET", alias)
-- With no entry left for the image id (the image-volume was lost, the fill failed) the job says it again.
local says = is_first or not current or current == key
if is_first and current and current ~= key then
  if current ~= old_key then
    return { "moved", current }
  end
  local old = redis.call("HMGET", old_entry, "state", "aliases")
  if old[1] then
    local rest = without_alias(old[2], image_id)
    redis.call("HSET", old_entry, "aliases", rest)
    if old[1] == "ready" and rest == "" then
      mark_evicting(old_entry, old_key, recency, evicting, use, "stale", now)
      redis.call("PUBLISH", hints, "entry:" .. old_key)
      stale = old_key
    end
  end
  redis.call("DEL", alias)
end

local function join(this_fill)
  redis.call("HSET", job, "entry_key", key, "fill_id", this_fill)
  redis.call("ZADD", waiters, now + waiter_ttl, job_id)
end

local function take_alias()
  if says then
    redis.call("SET", alias, key)
    redis.call("HSET", entry, "image_id", image_id,
      "aliases", with_alias(redis.call("HGET", entry, "aliases"), image_id))
  end
end

local found = redis.call("HMGET", entry, "state", "fill_id", "force")
local state, found_fill = found[1], found[2]
if state == "filling" and not redis.call("ZSCORE", jobs_open, found_fill) then
  -- Its fill is known no more (data was lost): nobody will ever end it.
  local size_gb = redis.call("HGET", reserved, found_fill)
  if size_gb then
    redis.call("HDEL", reserved, found_fill)
    count(use, "reserved", -size_gb, -1)
  end
  redis.call("DEL", entry)
  state = false
end

local lease = redis.call("ZSCORE", leases, job_id)
local holds = lease and tonumber(lease) > now
if state == "ready" or (state == "evicting" and holds and not found[3]) then
  redis.call("ZADD", leases, now + lease_ttl, job_id)
  redis.call("ZREM", waiters, job_id)
  local was = redis.call("HMGET", job, "used_fill", "fill_id", "opened_fill")
  if was[1] ~= found_fill then
    if not (was[3] and was[2] == found_fill) then
      redis.call("HINCRBY", entry, "hits", 1)
    end
    redis.call("HSET", entry, "used", now)
    redis.call("HSET", job, "used_fill", found_fill)
    if state == "ready" then
      redis.call("ZADD", recency, now, key)
      take_alias()
    end
  end
  redis.call("HSET", job, "entry_key", key)
  return { "hit", stale, redis.call("HGETALL", entry) }
end

if is_awaiting then
  local ended = redis.call("GET", verdict)
  if ended then
    redis.call("ZREM", waiters, job_id)
    local kind, what = string.match(ended, "^(%a+) (.*)$")
    return { kind, stale, what }
  end
end
if state == "filling" then
  take_alias()
  if found_fill == fill_id then
    return { "miss", stale, fill_id }
  end
  join(found_fill)
  return { "filling", stale, found_fill }
end
if state == "evicting" then
  return { "evicting", stale }
end
local fault = redis.call("GET", failed)
if fault then
  return { "failed", stale, fault }
end

local fill_token = redis.call("INCR", fence)
redis.call("HSET", entry, "content", content, "state", "filling", "fill_id", fill_id, "token", fill_token,
  "image_volume_id", image_volume_id, "size_gb", 0, "image_id", image_id, "aliases", "", "created", now,
  "used", now, "hits", 0)
redis.call("ZADD", filling, now, key)
redis.call("HSET", fill, "request", request, "access", access, "node", node, "token", fill_token,
  "takeovers", 0, "attempts", "", "created", now, "fill_entry", key)
redis.call("ZADD", jobs_open, now + claim_ttl, fill_id)
redis.call("HSET", job, "opened_fill", "1")
take_alias()
join(fill_id)
return { "miss", stale, fill_id }
