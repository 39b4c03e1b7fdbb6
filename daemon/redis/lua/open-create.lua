--[[
  Journals a create, unless its volume id is known already.

    KEYS[1]  volume       (HASH)  its record         KEYS[2]  job            (HASH)  the new job
    KEYS[3]  jobs open    (ZSET)  by end of claim    KEYS[4]  jobs done      (ZSET)
    KEYS[5]  fence        (STRING)                   KEYS[6]  all volumes    (ZSET)
    KEYS[7]  the project's volumes (ZSET)            KEYS[8]  current job    (HASH)  of the record, once known
    ARGV[1]  job id       ARGV[2]  id of this call   ARGV[3]  volume id
    ARGV[4]  digest       ARGV[5]  unique id         ARGV[6]  node           ARGV[7]  request (JSON)
    ARGV[8]  access (JSON)  ARGV[9]  project (JSON)  ARGV[10] field of the reply target, or ""
    ARGV[11] reply target (JSON)                     ARGV[12] claim ms
    ARGV[13] current job id, or ""                   ARGV[14] first attempt
    ARGV[15…] names and values of the record

  Returns {"opened", job} | {"running", job id} | {"finished" or "conflict", record}
        | {"current", job id}: to be called again with that job
]]
local volume, job, jobs_open, jobs_done = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local fence, all_volumes, project_volumes, current_job = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local job_id, call_id, volume_id, digest, unique_id = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local node, request, access, project = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local reply_field, reply, claim_ttl, current_id, attempt = ARGV[10], ARGV[11], ARGV[12], ARGV[13], ARGV[14]
local now = now_ms()

local record = redis.call("HMGET", volume, "status", "digest", "role", "jobId", "uniqueId", "providerId")
local status, owner = record[1], record[4]
if status then
  if owner == job_id and redis.call("HGET", job, "call") == call_id then
    return { "opened", redis.call("HGETALL", job) }
  end
  -- A volume that could not be deleted is in error too, and may hold what its user wrote.
  local is_used = status == "error" and record[6] and record[6] ~= "null"
  if record[3] ~= "volume" or record[2] ~= digest or status == "deleting" or status == "deleted" or is_used then
    return { "conflict", redis.call("HGETALL", volume) }
  end
  if status == "creating" and redis.call("ZSCORE", jobs_open, owner) then
    if owner ~= current_id then
      return { "current", owner }
    end
    if reply_field ~= "" then
      redis.call("HSET", current_job, reply_field, reply)
    end
    return { "running", owner }
  end
  if status == "available" or (status == "error" and record[5] == unique_id) then
    return { "finished", redis.call("HGETALL", volume) }
  end
end

redis.call("DEL", job)
redis.call("ZREM", jobs_done, job_id)
redis.call("HSET", job, "request", request, "access", access, "node", node, "token", redis.call("INCR", fence),
  "takeovers", 0, "attempts", attempt, "created", now, "volume", volume_id, "project", project, "call", call_id)
if status then
  redis.call("HSET", job, "reopened", "1")
  local fault = redis.call("HGET", volume, "fault") or ""
  if string.find(fault, '"code":"VOLUME_EXISTS"', 1, true) then
    redis.call("HSET", job, "name_taken", "1")
  end
end
if reply_field ~= "" then
  redis.call("HSET", job, reply_field, reply)
end
redis.call("ZADD", jobs_open, now + claim_ttl, job_id)
redis.call("HSETNX", volume, "createdAtMs", now)
redis.call("HSET", volume, "updatedAtMs", now, unpack(ARGV, 15))
redis.call("ZADD", all_volumes, 0, volume_id)
redis.call("ZADD", project_volumes, 0, volume_id)
return { "opened", redis.call("HGETALL", job) }
