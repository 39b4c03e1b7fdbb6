--[[
  Forgets an entry whose image-volume the backend deleted, and tells of it.

    KEYS[1]   entry            (HASH)    KEYS[2]   leases         (ZSET)
    KEYS[3]   waiters          (ZSET)    KEYS[4]   evicting       (ZSET)
    KEYS[5]   use              (HASH)    KEYS[6]   volume         (HASH)  of the image-volume
    KEYS[7]   all volumes      (ZSET)    KEYS[8]   the project's  (ZSET)
    KEYS[9]   outbox           (HASH)    KEYS[10]  outbox due     (ZSET)
    KEYS[11]  outbox sequence  (STRING)  KEYS[12…] aliases        (STRING)
    ARGV[1]   entry key     ARGV[2]  provider id   ARGV[3]  image-volume id
    ARGV[4]   ms of outbox grace     ARGV[5]  channel of hints     ARGV[6…] rows (JSON)

  Returns {"done", row id, row, …} | {"absent"}
]]
local entry, leases, waiters, evicting, use = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local volume, all_volumes, project_volumes = KEYS[6], KEYS[7], KEYS[8]
local outbox, outbox_due, sequence = KEYS[9], KEYS[10], KEYS[11]
local key, provider_id, image_volume_id, grace, hints = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local found = redis.call("HMGET", entry, "state", "provider_id", "size_gb", "stuck")
if found[1] ~= "evicting" or found[2] ~= provider_id then
  return { "absent" }
end
count(use, "entries", -found[3], -1)
if not found[4] then
  count(use, "evicting", -found[3], -1)
end
redis.call("DEL", entry, leases, waiters, volume)
redis.call("ZREM", evicting, key)
redis.call("ZREM", all_volumes, image_volume_id)
redis.call("ZREM", project_volumes, image_volume_id)
drop_aliases({ unpack(KEYS, 12) }, key)
local rows = write_rows(outbox, outbox_due, sequence, now_ms() + grace, { unpack(ARGV, 6) })
redis.call("PUBLISH", hints, "entry:" .. key)
return { "done", unpack(rows) }
