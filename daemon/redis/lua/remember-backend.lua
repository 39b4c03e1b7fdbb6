--[[
  Records where a volume lives, unless that is recorded already.

    KEYS[1]  where  (STRING)  backend
    ARGV[1]  backend
    ARGV[2]  seconds until it is forgotten

  Returns {the recorded backend}
]]
local where = KEYS[1]
local backend, ttl = ARGV[1], ARGV[2]
local recorded = redis.call("GET", where) or backend
redis.call("SET", where, recorded, "EX", ttl)
return { recorded }
