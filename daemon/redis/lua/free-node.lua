--[[
  Gives the name of a node back.

    KEYS[1]  node  (HASH)  who has the name
    ARGV[1]  boot id

  Returns {"freed"} | {"taken"}
]]
local node = KEYS[1]
local boot_id = ARGV[1]
if redis.call("HGET", node, "boot_id") ~= boot_id then
  return { "taken" }
end
redis.call("DEL", node)
return { "freed" }
