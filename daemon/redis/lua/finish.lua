--[[
  Ends a job: its record, its answers, its events and its lease change together.

    KEYS[1]   job              (HASH)    KEYS[2]   jobs open      (ZSET)
    KEYS[3]   jobs done        (ZSET)    KEYS[4]   volume         (HASH)  its record
    KEYS[5]   all volumes      (ZSET)    KEYS[6]   the project's  (ZSET)
    KEYS[7]   outbox           (HASH)    KEYS[8]   outbox due     (ZSET)
    KEYS[9]   outbox sequence  (STRING)  KEYS[10]  leases         (ZSET)
    KEYS[11]  waiters          (ZSET)
    ARGV[1]   job id      ARGV[2]  token       ARGV[3]  id of this call     ARGV[4]  volume id
    ARGV[5]   outcome (JSON)                   ARGV[6]  done job, [7] outbox grace: ms
    ARGV[8]   entry key whose lease goes, or ""           ARGV[9]  channel of hints
    ARGV[10]  number of events, then that many rows (JSON), then names and values of the record

  Returns {"finished", row id, row, …} | {"already"} | {"lost"}
]]
local job, jobs_open, jobs_done = KEYS[1], KEYS[2], KEYS[3]
local volume, all_volumes, project_volumes = KEYS[4], KEYS[5], KEYS[6]
local outbox, outbox_due, sequence, leases, waiters = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local job_id, token, call_id, volume_id, outcome = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local done_ttl, grace, entry_key, hints = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local first_pair = 11 + ARGV[10]
local now = now_ms()

local found = redis.call("HMGET", job, "token", "done", "finish_call", "rows")
if not found[1] then
  return { "already" }
end
if found[2] then
  if found[3] == call_id then
    return { "finished", unpack(read_rows(outbox, found[4])) }
  end
  return { "already" }
end
if found[1] ~= token then
  return { "lost" }
end

if redis.call("HGET", volume, "jobId") == job_id then
  redis.call("HSET", volume, "updatedAtMs", now, unpack(ARGV, first_pair))
  if redis.call("HGET", volume, "status") == "deleted" then
    redis.call("PEXPIRE", volume, done_ttl)
    redis.call("ZREM", all_volumes, volume_id)
    redis.call("ZREM", project_volumes, volume_id)
  end
end
local texts = { unpack(ARGV, 11, first_pair - 1) }
local fields = redis.call("HGETALL", job)
for i = 1, #fields, 2 do
  local message_id = string.match(fields[i], "^reply:(.*)$")
  if message_id then
    local unique_id = string.sub(redis.sha1hex(job_id .. " " .. message_id), 1, 32)
    texts[#texts + 1] = '{"kind":"reply","target":' .. fields[i + 1] .. ',"uniqueId":"' .. unique_id
      .. '","outcome":' .. outcome .. "}"
  end
end
local rows = write_rows(outbox, outbox_due, sequence, now + grace, texts)
redis.call("HSET", job, "finish_call", call_id)
close_job(job, job_id, jobs_open, jobs_done, now, done_ttl, row_ids(rows))
if entry_key ~= "" then
  if redis.call("ZREM", leases, job_id) + redis.call("ZREM", waiters, job_id) > 0 then
    redis.call("PUBLISH", hints, "entry:" .. entry_key)
  end
end
redis.call("PUBLISH", hints, "done:" .. job_id)
return { "finished", unpack(rows) }
