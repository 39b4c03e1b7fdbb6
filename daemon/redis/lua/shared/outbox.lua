-- Writes texts (JSON) as outbox rows; answers {id, text, id, text, …} in the order of sending.
local function write_rows(outbox, due_ids, sequence, due, texts)
  local rows = {}
  for _, text in ipairs(texts) do
    local id = string.format("%016d", redis.call("INCR", sequence))
    redis.call("HSET", outbox, id, text)
    redis.call("ZADD", due_ids, due, id)
    rows[#rows + 1] = id
    rows[#rows + 1] = text
  end
  return rows
end

-- The ids of rows as one string, to be kept with what they tell of.
local function row_ids(rows)
  local ids = {}
  for i = 1, #rows, 2 do
    ids[#ids + 1] = rows[i]
  end
  return table.concat(ids, ",")
end

-- Those of the rows that were not sent yet.
local function read_rows(outbox, ids)
  local rows = {}
  for id in string.gmatch(ids or "", "[^,]+") do
    local text = redis.call("HGET", outbox, id)
    if text then
      rows[#rows + 1] = id
      rows[#rows + 1] = text
    end
  end
  return rows
end
