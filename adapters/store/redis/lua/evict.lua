-- Evicts records that are no samples, the oldest first: up to `records` of them or until `bytes` are free, none that
-- arrived after `until`; then up to `groups` groups, those not seen for the longest time first. Replies sizes.
-- What others have evicted since these sizes were told is not evicted once more.
local known = order.known
local function rest(wanted, before, now)
  return math.max(0, wanted - math.max(0, before - now))
end
local records = rest(order.records, known.records, call('ZCARD', key('plain')))
local bytes = rest(order.bytes, known.bytes, tonumber(call('GET', key('bytes')) or '0'))
local groups = rest(order.groups, known.groups, call('ZCARD', key('groups:seen')))
local dropped, freed = 0, 0
local wanted = math.max(records, bytes > 0 and order.most or 0)
if wanted > 0 then
  for _, id in ipairs(call('ZRANGEBYSCORE', key('plain'), '-inf', int(order.till), 'LIMIT', 0, wanted)) do
    if dropped >= records and freed >= bytes then break end
    freed = freed + (removeRecord(id) or 0)
    -- Also where it was no record any more: it must not stand in the way for ever.
    call('ZREM', key('plain'), id)
    dropped = dropped + 1
  end
end
if groups > 0 then
  for _, group in ipairs(call('ZRANGE', key('groups:seen'), 0, groups - 1)) do
    local hash = key('group:' .. group)
    local samples = call('ZRANGE', hash .. ':drawn', 0, -1)
    for _, id in ipairs(call('HMGET', hash, 'first', 'last')) do
      if id then samples[#samples + 1] = id end
    end
    for _, id in ipairs(samples) do
      local card = call('HGET', key('cards'), id)
      if card then call('ZADD', key('plain'), int(readCard(card).at), id) end
    end
    call('DEL', hash, hash .. ':drawn', hash .. ':hours')
    call('ZREM', key('groups'), group)
    call('ZREM', key('groups:seen'), group)
  end
end
return sizes()
