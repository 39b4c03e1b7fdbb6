--[[
  Makes a filled entry ready, gives every waiter a lease and ends the fill; not after its claim has passed on.

    KEYS[1]   entry            (HASH)    KEYS[2]   job of the fill  (HASH)
    KEYS[3]   leases           (ZSET)    KEYS[4]   waiters          (ZSET)
    KEYS[5]   recency          (ZSET)    KEYS[6]   filling          (ZSET)
    KEYS[7]   evicting         (ZSET)    KEYS[8]   use              (HASH)
    KEYS[9]   reserved         (HASH)    KEYS[10]  jobs open        (ZSET)
    KEYS[11]  jobs done        (ZSET)    KEYS[12]  volume           (HASH)  of the image-volume
    KEYS[13]  all volumes      (ZSET)    KEYS[14]  the project's    (ZSET)
    KEYS[15]  outbox           (HASH)    KEYS[16]  outbox due       (ZSET)
    KEYS[17]  outbox sequence  (STRING)
    ARGV[1]   fill id      ARGV[2]  token        ARGV[3]  entry key    ARGV[4]  image-volume id
    ARGV[5]   provider id  ARGV[6]  virtual size ARGV[7]  GiB
    ARGV[8]   checksum, or ""                    ARGV[9]  bytes downloaded
    ARGV[10]  1: restored out of the trash, or ""
    ARGV[11]  lease, [12] done job, [13] outbox grace: ms              ARGV[14] channel of hints
    ARGV[15]  number of events, then that many rows (JSON), then names and values of the volume

  Returns {"committed", row id, row, …} | {"lost"} | {"unreserved"}: GiB exceed the reservation
]]
local entry, job, leases, waiters, recency, filling = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local evicting, use, reserved, jobs_open, jobs_done = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local volume, all_volumes, project_volumes = KEYS[12], KEYS[13], KEYS[14]
local outbox, outbox_due, sequence = KEYS[15], KEYS[16], KEYS[17]
local fill_id, token, key, image_volume_id = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local provider_id, virtual_size, size_gb = ARGV[5], ARGV[6], ARGV[7]
local checksum, downloaded, restored = ARGV[8], ARGV[9], ARGV[10]
local lease_ttl, done_ttl, grace, hints = ARGV[11], ARGV[12], ARGV[13], ARGV[14]
local first_pair = 16 + ARGV[15]
local now = now_ms()

local found = redis.call("HMGET", entry, "fill_id", "token", "state", "aliases")
local fill = redis.call("HMGET", job, "token", "done", "rows")
if fill[1] ~= token or found[1] ~= fill_id or found[2] ~= token then
  return { "lost" }
end
if fill[2] then
  return found[3] == "filling" and { "lost" } or { "committed", unpack(read_rows(outbox, fill[3])) }
end
local room = redis.call("HGET", reserved, fill_id)
if not room or tonumber(room) < tonumber(size_gb) then
  return { "unreserved" }
end

redis.call("HDEL", reserved, fill_id)
count(use, "reserved", -room, -1)
count(use, "entries", size_gb, 1)
redis.call("HSET", entry, "state", "ready", "provider_id", provider_id, "virtual_size", virtual_size,
  "size_gb", size_gb, "used", now, "checksum", checksum, "downloaded", downloaded,
  "restored", restored)
redis.call("ZREM", filling, key)
redis.call("ZADD", recency, now, key)
for _, waiter in ipairs(redis.call("ZRANGEBYSCORE", waiters, "(" .. now, "+inf")) do
  redis.call("ZADD", leases, now + lease_ttl, waiter)
end
redis.call("DEL", waiters)
if found[4] == "" then
  -- A newer version of the image came meanwhile: only those who waited are served.
  mark_evicting(entry, key, recency, evicting, use, "stale", now)
end

redis.call("HSET", volume, "createdAtMs", now, "updatedAtMs", now, unpack(ARGV, first_pair))
redis.call("ZADD", all_volumes, 0, image_volume_id)
redis.call("ZADD", project_volumes, 0, image_volume_id)
local rows = write_rows(outbox, outbox_due, sequence, now + grace, { unpack(ARGV, 16, first_pair - 1) })
close_job(job, fill_id, jobs_open, jobs_done, now, done_ttl, row_ids(rows))
redis.call("PUBLISH", hints, "entry:" .. key)
return { "committed", unpack(rows) }
