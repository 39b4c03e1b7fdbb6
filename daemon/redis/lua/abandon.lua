--[[
  Ends a fill without an image-volume: its entry, reservation and waiters go, its verdict stays for a while.

    KEYS[1]   entry            (HASH)    KEYS[2]   job of the fill  (HASH)
    KEYS[3]   waiters          (ZSET)    KEYS[4]   filling          (ZSET)
    KEYS[5]   use              (HASH)    KEYS[6]   reserved         (HASH)
    KEYS[7]   jobs open        (ZSET)    KEYS[8]   jobs done        (ZSET)
    KEYS[9]   verdict          (STRING)  KEYS[10]  failed           (STRING)
    KEYS[11]  outbox           (HASH)    KEYS[12]  outbox due       (ZSET)
    KEYS[13]  outbox sequence  (STRING)  KEYS[14…] aliases          (STRING)
    ARGV[1]   fill id     ARGV[2]  token         ARGV[3]  entry key
    ARGV[4]   verdict: "failed <fault>" or "bypass <reason>"           ARGV[5]  fault (JSON), or ""
    ARGV[6]   verdict, [7] memory of the fault (0: none), [8] done job, [9] outbox grace: ms
    ARGV[10]  channel of hints                    ARGV[11…] rows (JSON)

  Returns {"abandoned", row id, row, …} | {"lost"}
]]
local entry, job, waiters, filling, use, reserved = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local jobs_open, jobs_done, verdict, failed = KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local outbox, outbox_due, sequence = KEYS[11], KEYS[12], KEYS[13]
local fill_id, token, key, ended, fault = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local verdict_ms, memory_ms, done_ttl, grace, hints = ARGV[6], tonumber(ARGV[7]), ARGV[8], ARGV[9], ARGV[10]
local now = now_ms()

local fill = redis.call("HMGET", job, "token", "done", "rows")
if fill[1] ~= token then
  return { "lost" }
end
if fill[2] then
  if redis.call("EXISTS", verdict) == 0 then
    return { "lost" }
  end
  return { "abandoned", unpack(read_rows(outbox, fill[3])) }
end
local found = redis.call("HMGET", entry, "fill_id", "state")
if found[1] == fill_id and found[2] == "filling" then
  redis.call("DEL", entry, waiters)
  redis.call("ZREM", filling, key)
  drop_aliases({ unpack(KEYS, 14) }, key)
  if memory_ms > 0 then
    redis.call("SET", failed, fault, "PX", memory_ms)
  end
end
local size_gb = redis.call("HGET", reserved, fill_id)
if size_gb then
  redis.call("HDEL", reserved, fill_id)
  count(use, "reserved", -size_gb, -1)
end
redis.call("SET", verdict, ended, "PX", verdict_ms)
local rows = write_rows(outbox, outbox_due, sequence, now + grace, { unpack(ARGV, 11) })
close_job(job, fill_id, jobs_open, jobs_done, now, done_ttl, row_ids(rows))
redis.call("PUBLISH", hints, "entry:" .. key)
return { "abandoned", unpack(rows) }
