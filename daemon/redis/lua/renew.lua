--[[
  Prolongs claims on jobs, and the leases and waiting places that they hold.

    KEYS[1]  jobs open  (ZSET)  by end of claim
    KEYS[2…] job (HASH), leases (ZSET), waiters (ZSET) of each job
    ARGV[1]  claim, [2] lease, [3] waiter: ms
    ARGV[4…] job id and token of each job

  Returns {"renewed" | "cancelled" | "lost", …}
]]
local jobs_open = KEYS[1]
local claim_ttl, lease_ttl, waiter_ttl = ARGV[1], ARGV[2], ARGV[3]
local now = now_ms()
local answers = {}
for i = 0, (#KEYS - 1) / 3 - 1 do
  local job, leases, waiters = KEYS[2 + 3 * i], KEYS[3 + 3 * i], KEYS[4 + 3 * i]
  local job_id, token = ARGV[4 + 2 * i], ARGV[5 + 2 * i]
  if owns(job, token) then
    redis.call("ZADD", jobs_open, now + claim_ttl, job_id)
    redis.call("ZADD", leases, "XX", now + lease_ttl, job_id)
    redis.call("ZADD", waiters, "XX", now + waiter_ttl, job_id)
    answers[i + 1] = redis.call("HGET", job, "cancelled") and "cancelled" or "renewed"
  else
    answers[i + 1] = "lost"
  end
end
return answers
