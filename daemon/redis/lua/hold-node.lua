--[[
  Claims the name of a node, or renews that claim.

    KEYS[1]  node   (HASH)    who has the name
    KEYS[2]  epoch  (STRING)  id of the data set
    ARGV[1]  boot id
    ARGV[2]  host name        ARGV[3]  process id
    ARGV[4]  ms until the claim expires
    ARGV[5]  boot id whose claim may be taken, or ""

  Returns {"held", epoch or ""} | {"taken", boot id, host name, process id}
]]
local node, epoch = KEYS[1], KEYS[2]
local boot_id, hostname, pid, ttl, may_take = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local holder = redis.call("HMGET", node, "boot_id", "hostname", "pid")
if holder[1] and holder[1] ~= boot_id and holder[1] ~= may_take then
  return { "taken", holder[1], holder[2], holder[3] }
end
redis.call("HSET", node, "boot_id", boot_id, "hostname", hostname, "pid", pid)
redis.call("PEXPIRE", node, ttl)
return { "held", redis.call("GET", epoch) or "" }
