-- True while `token` is the current claim on an open job.
local function owns(job, token)
  local claim = redis.call("HMGET", job, "token", "done")
  return claim[1] == token and not claim[2]
end

-- Moves a job from the open ones to those that are done, where it is remembered for `ttl` ms. Its request goes: nobody
-- needs it any more, and the query of a URL in it may be a secret.
local function close_job(job, id, open, done, now, ttl, rows)
  redis.call("HSET", job, "done", "1", "rows", rows)
  redis.call("HDEL", job, "request", "access")
  redis.call("PEXPIRE", job, ttl)
  redis.call("ZREM", open, id)
  redis.call("ZADD", done, now, id)
end
