--[[
  Records whose data set this is, or says who else's it is.

    KEYS[1]  backend  (STRING)  identity of the storage
    KEYS[2]  schema   (STRING)  version of the keys
    KEYS[3]  epoch    (STRING)  id of this data set
    ARGV[1]  identity
    ARGV[2]  schema version
    ARGV[3]  epoch for a new data set

  Returns {"new" | "known", epoch} | {"conflict", identity} | {"newer", schema version}
]]
local backend, schema, epoch = KEYS[1], KEYS[2], KEYS[3]
local identity, version, fresh_epoch = ARGV[1], ARGV[2], ARGV[3]
local found_version = redis.call("GET", schema)
if found_version and tonumber(found_version) > tonumber(version) then
  return { "newer", found_version }
end
local found = redis.call("GET", backend)
if found and found ~= identity then
  return { "conflict", found }
end
redis.call("SET", backend, identity)
redis.call("SET", schema, version)
if redis.call("SET", epoch, fresh_epoch, "NX") then
  return { "new", fresh_epoch }
end
return { "known", redis.call("GET", epoch) }
