--[[
  Records where a volume lives, unless that is recorded already.

    KEYS[1]  where  (STRING)  backend
    ARGV[1]  backend

  Returns {the recorded backend}
]]
local where = KEYS[1]
local backend = ARGV[1]
redis.call("SET", where, backend, "NX")
redis.call("PERSIST", where)
return { redis.call("GET", where) }
