--[[
  Journals a delete; a create in work is cancelled and waited for.

    KEYS[1]  volume       (HASH)  its record         KEYS[2]  job          (HASH)  the new job
    KEYS[3]  jobs open    (ZSET)  by end of claim    KEYS[4]  jobs done    (ZSET)
    KEYS[5]  fence        (STRING)                   KEYS[6]  current job  (HASH)  of the record, once known
    ARGV[1]  job id       ARGV[2]  id of this call   ARGV[3]  volume id
    ARGV[4]  node         ARGV[5]  request (JSON)    ARGV[6]  request that waits for the current job (JSON)
    ARGV[7]  access (JSON)                           ARGV[8]  field of the reply target, or ""
    ARGV[9]  reply target (JSON)                     ARGV[10] claim ms
    ARGV[11] current job id, or ""                   ARGV[12] channel of hints

  Returns {"opened", job} | {"running", job id} | {"absent"} | {"current", job id}: to be called again with that job
]]
local volume, job, jobs_open, jobs_done, fence, current_job = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local job_id, call_id, volume_id, node = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local request, waiting_request, access = ARGV[5], ARGV[6], ARGV[7]
local reply_field, reply, claim_ttl, current_id, hints = ARGV[8], ARGV[9], ARGV[10], ARGV[11], ARGV[12]
local now = now_ms()

local record = redis.call("HMGET", volume, "status", "jobId", "projectId")
local status, owner = record[1], record[2]
if not status or status == "deleted" then
  return { "absent" }
end
if owner == job_id and redis.call("HGET", job, "call") == call_id then
  return { "opened", redis.call("HGETALL", job) }
end
local is_working = redis.call("ZSCORE", jobs_open, owner)
if is_working and (status == "creating" or status == "deleting") then
  if owner ~= current_id then
    return { "current", owner }
  end
  if status == "deleting" then
    if reply_field ~= "" then
      redis.call("HSET", current_job, reply_field, reply)
    end
    return { "running", owner }
  end
  redis.call("HSET", current_job, "cancelled", "1")
  redis.call("PUBLISH", hints, "cancelled:" .. owner)
  request = waiting_request
end

redis.call("DEL", job)
redis.call("ZREM", jobs_done, job_id)
redis.call("HSET", job, "request", request, "access", access, "node", node, "token", redis.call("INCR", fence),
  "takeovers", 0, "attempts", "", "created", now, "volume", volume_id, "project", record[3], "call", call_id)
if reply_field ~= "" then
  redis.call("HSET", job, reply_field, reply)
end
redis.call("ZADD", jobs_open, now + claim_ttl, job_id)
redis.call("HSET", volume, "status", "deleting", "jobId", job_id, "updatedAtMs", now)
return { "opened", redis.call("HGETALL", job) }
