-- Adds what an entry counts for, in GiB, to one of the counts `entries`, `reserved`, `evicting`.
local function count(use, name, size_gb, number)
  redis.call("HINCRBY", use, name .. "_gb", size_gb)
  redis.call("HINCRBY", use, name .. "_count", number)
end

-- ready -> evicting: from now on it serves nobody, and is counted until the backend confirmed.
local function mark_evicting(entry, key, recency, evicting, use, reason, due)
  redis.call("HSET", entry, "state", "evicting", "reason", reason)
  redis.call("ZREM", recency, key)
  redis.call("ZADD", evicting, due, key)
  count(use, "evicting", redis.call("HGET", entry, "size_gb"), 1)
end

-- Image ids are kept as lines.
local function with_alias(aliases, image_id)
  local lines = "\n" .. aliases .. "\n"
  if string.find(lines, "\n" .. image_id .. "\n", 1, true) then
    return aliases
  end
  return aliases == "" and image_id or aliases .. "\n" .. image_id
end

local function without_alias(aliases, image_id)
  local rest = {}
  for line in string.gmatch(aliases, "[^\n]+") do
    if line ~= image_id then
      rest[#rest + 1] = line
    end
  end
  return table.concat(rest, "\n")
end

-- The image ids of an entry that goes stand for it no longer.
local function drop_aliases(alias_keys, key)
  for _, alias in ipairs(alias_keys) do
    if redis.call("GET", alias) == key then
      redis.call("DEL", alias)
    end
  end
end
