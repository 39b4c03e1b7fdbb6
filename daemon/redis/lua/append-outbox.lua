--[[
  Writes messages that belong to no other change.

    KEYS[1]  outbox  (HASH)      KEYS[2]  outbox due  (ZSET)
    KEYS[3]  sequence  (STRING)
    ARGV[1]  grace in ms
    ARGV[2…] rows (JSON)

  Returns {row id, row, …}
]]
local outbox, outbox_due, sequence = KEYS[1], KEYS[2], KEYS[3]
local grace = ARGV[1]
return write_rows(outbox, outbox_due, sequence, now_ms() + grace, { unpack(ARGV, 2) })
