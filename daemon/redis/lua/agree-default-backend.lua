--[[
  Says or repeats which backend is the default, unless living daemons take another one for it.

    KEYS[1]  default backend  (STRING)
    ARGV[1]  backend
    ARGV[2]  ms until it is forgotten

  Returns {"agreed"} | {"other", backend}
]]
local default_backend = KEYS[1]
local backend, ttl = ARGV[1], ARGV[2]
local found = redis.call("GET", default_backend)
if found and found ~= backend then
  return { "other", found }
end
redis.call("SET", default_backend, backend, "PX", ttl)
return { "agreed" }
