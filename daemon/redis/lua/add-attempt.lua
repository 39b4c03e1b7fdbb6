--[[
  Journals an attempt name.

    KEYS[1]  job  (HASH)
    ARGV[1]  token
    ARGV[2]  attempt

  Returns {"added"} | {"lost"}
]]
local job = KEYS[1]
local token, attempt = ARGV[1], ARGV[2]
if not owns(job, token) then
  return { "lost" }
end
local attempts = redis.call("HGET", job, "attempts")
if not string.find("," .. attempts .. ",", "," .. attempt .. ",", 1, true) then
  redis.call("HSET", job, "attempts", attempts == "" and attempt or attempts .. "," .. attempt)
end
return { "added" }
