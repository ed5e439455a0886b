-- Pairs of values: taught for good, or looked up by either hash. order.what tells which; order.now is when.
local function nameOf(kind, hash)
  return kind .. '\n' .. hash
end

local function forget(name, row)
  call('HDEL', key('values:legacy'), name)
  call('HDEL', key('values:next'), nameOf(row.kind, row.next))
  call('ZREM', key('values:order'), name)
  call('ZREM', key('values:ends'), name)
end

-- Its name, row and text; nothing where it has ended.
local function find(kind, side, hash)
  local name = nameOf(kind, hash)
  if side == 'next' then name = call('HGET', key('values:next'), name) end
  local text = name and call('HGET', key('values:legacy'), name)
  if not text then return nil end
  local row = cjson.decode(text)
  if not isNull(row['until']) and row['until'] <= order.now then
    forget(name, row)
    return nil
  end
  return name, text
end

local replies = {}
if order.what == 'find' then
  for i, one in ipairs(order.sought) do
    local _, text = find(one.kind, one.side, one.hash)
    replies[i] = text or ''
  end
  return replies
end

for _, name in ipairs(call('ZRANGEBYSCORE', key('values:ends'), '-inf', order.now, 'LIMIT', 0, 100)) do
  forget(name, cjson.decode(call('HGET', key('values:legacy'), name)))
end
for i, text in ipairs(order.rows) do
  local row = cjson.decode(text)
  local name = nameOf(row.kind, row.legacy)
  local legacy = find(row.kind, 'legacy', row.legacy)
  local next = find(row.kind, 'next', row.next)
  if legacy or next then
    replies[i] = legacy == next and 'known' or 'conflict'
  else
    -- Near to time, so that those of several partitions have an order.
    local position = math.max(tonumber(call('GET', key('values:last')) or '0') + 1, order.now * 1000)
    call('INCRBY', key('values:last'), int(position - tonumber(call('GET', key('values:last')) or '0')))
    call('HSET', key('values:legacy'), name, text)
    call('HSET', key('values:next'), nameOf(row.kind, row.next), name)
    call('ZADD', key('values:order'), int(position), name)
    if not isNull(row['until']) then call('ZADD', key('values:ends'), int(row['until']), name) end
    replies[i] = 'kept'
  end
end
return replies
