--[[
  Hands out rows that nobody sent in time; they are due again later.

    KEYS[1]  outbox      (HASH)
    KEYS[2]  outbox due  (ZSET)
    ARGV[1]  at most this many
    ARGV[2]  grace in ms

  Returns {row id, row, …}
]]
local outbox, outbox_due = KEYS[1], KEYS[2]
local limit, grace = ARGV[1], ARGV[2]
local now = now_ms()
local rows = {}
for _, id in ipairs(redis.call("ZRANGEBYSCORE", outbox_due, "-inf", now, "LIMIT", 0, limit)) do
  local text = redis.call("HGET", outbox, id)
  if text then
    redis.call("ZADD", outbox_due, now + grace, id)
    rows[#rows + 1] = id
    rows[#rows + 1] = text
  else
    redis.call("ZREM", outbox_due, id)
  end
end
return rows
