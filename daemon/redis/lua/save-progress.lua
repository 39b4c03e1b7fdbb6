--[[
  Saves how far a copy has come.

    KEYS[1]  job  (HASH)
    ARGV[1]  token
    ARGV[2]  progress (JSON)

  Returns {"saved"} | {"lost"}
]]
local job = KEYS[1]
local token, progress = ARGV[1], ARGV[2]
if not owns(job, token) then
  return { "lost" }
end
redis.call("HSET", job, "progress", progress)
return { "saved" }
