-- What a commit keeps beside counts and records: pairs, places, and what operators change.

local function removePair(id)
  local card = call('HGET', key('pairs:cards'), id)
  if not card then return end
  local bucket = call('HGET', key('pairs:buckets'), id)
  call('DECRBY', key('pairs:bytes'), call('HSTRLEN', key('pairs'), id))
  for _, name in ipairs({ 'pairs', 'pairs:cards', 'pairs:buckets', 'pairs:ranks' }) do call('HDEL', key(name), id) end
  call('ZREM', key('pairs:order'), id)
  call('ZREM', key('pairs:at'), id)
  if bucket then call('ZREM', key('pairs:bucket:' .. bucket), id) end
end

-- Of a bucket the first, the last, and those between that rank lowest (samples.ts).
local function dropSurplus(bucket)
  local ids = call('ZRANGE', key('pairs:bucket:' .. bucket), 0, -1)
  if #ids <= KEPT_PAIRS then return end
  local out, highest
  for i = 2, #ids - 1 do
    local rank = tonumber(call('HGET', key('pairs:ranks'), ids[i]) or '0')
    if not highest or rank > highest then out, highest = ids[i], rank end
  end
  removePair(out)
end

local function keepPair(row, text, at)
  local group = isNull(row.group) and '' or row.group
  local card = int(row.at) .. '\n' .. row.outcome .. '\n\n' .. group .. '\n' .. row.route
  if call('HSETNX', key('pairs:cards'), row.id, card) == 0 then return end
  call('HSET', key('pairs'), row.id, text)
  call('HSET', key('pairs:buckets'), row.id, row.bucket)
  call('HSET', key('pairs:ranks'), row.id, int(row.rank))
  call('ZADD', key('pairs:order'), at, row.id)
  call('ZADD', key('pairs:at'), int(row.at), row.id)
  call('ZADD', key('pairs:bucket:' .. row.bucket), at, row.id)
  call('INCRBY', key('pairs:bytes'), #text)
  dropSurplus(row.bucket)
end

local function evictPairs(before, most)
  for _, id in ipairs(call('ZRANGEBYSCORE', key('pairs:at'), '-inf', '(' .. int(before), 'LIMIT', 0, PAIRS_EVICTED_AT_ONCE)) do
    removePair(id)
  end
  for _ = 1, PAIRS_EVICTED_AT_ONCE do
    if tonumber(call('GET', key('pairs:bytes')) or '0') <= most then return end
    local id = call('ZRANGE', key('pairs:order'), 0, 0)[1]
    if not id then return end
    removePair(id)
  end
end

local function pairSizes()
  return { call('HLEN', key('pairs')), tonumber(call('GET', key('pairs:bytes')) or '0') }
end

local function removePlaces(members)
  for _, member in ipairs(members) do
    call('HDEL', key('places'), member)
    call('ZREM', key('places:seen'), member)
  end
end

local function keepPlaces(rows, before, most)
  for _, row in ipairs(rows) do
    call('HSET', key('places'), row.key, row.text)
    call('ZADD', key('places:seen'), int(row.lastSeen), row.key)
  end
  removePlaces(call('ZRANGEBYSCORE', key('places:seen'), '-inf', '(' .. int(before)))
  local surplus = call('ZCARD', key('places:seen')) - most
  if surplus > 0 then removePlaces(call('ZRANGE', key('places:seen'), 0, surplus - 1)) end
end

local function control(row, at)
  -- Members look whether this has moved. After a loss the same number may come again, but from another batch.
  if row.type ~= 'audit' then
    call('HINCRBY', key('clock'), 'overrides', 1)
    call('HSET', key('clock'), 'overrides:by', order.run .. ' ' .. int(order.number))
  end
  if row.type == 'pin' then
    call('HSET', key('overrides'), row.key, row.text)
  elseif row.type == 'unpin' then
    call('HDEL', key('overrides'), row.key)
  else
    call('ZADD', key('audit'), at, row.text)
    local surplus = call('ZCARD', key('audit')) - AUDIT_KEPT
    if surplus > 0 then
      for _, text in ipairs(call('ZRANGE', key('audit'), 0, surplus - 1)) do call('ZREM', key('audit'), text) end
    end
  end
end
