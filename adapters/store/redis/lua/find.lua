-- Records (or pairs) of an index, newest first, at most `examine` looked into and `limit` found. Replies
-- { position to go on from ('' at the end), { id, position, is a sample, text, … } }
local max = order.before == '' and '+inf' or order.before
local rows = call('ZREVRANGEBYSCORE', key(order.index), max, order.floor, 'WITHSCORES', 'LIMIT', 0, order.examine)
local found = {}
local shown = {}
-- Whether the group is in one of the states that are asked for.
local function inStates(group)
  if shown[group] == nil then
    local row = call('HMGET', key('group:' .. group), 'route', 'state', 'count', 'comparedFirst', 'comparedLast')
    shown[group] = false
    if row[1] then
      local state = stateNow(row[2], tonumber(row[3]), numberAt('compared', row[1]), tonumber(row[4]), tonumber(row[5]))
      for _, wanted in ipairs(order.states) do
        if wanted == state then shown[group] = true end
      end
    end
  end
  return shown[group]
end
-- Positions are unique within a partition: the next part begins below this one.
local on = ''
local full = false
for i = 1, #rows, 2 do
  local id, position = rows[i], rows[i + 1]
  on = position
  local card = call('HGET', key(order.cards), id)
  if card then
    local row = readCard(card)
    local asked = (isNull(order.route) or row.route == order.route)
      and (isNull(order.outcome) or row.outcome == order.outcome)
      and (isNull(order.group) or row.group == order.group)
      and (isNull(order.since) or row.at >= order.since)
      and (isNull(order.kind) or string.find(row.kinds, ',' .. order.kind .. ',', 1, true))
      and (isNull(order.states) or inStates(row.group))
    if asked then
      found[#found + 1] = id
      found[#found + 1] = position
      found[#found + 1] = isSample(id) and '1' or '0'
      found[#found + 1] = call('HGET', key(order.texts), id) or ''
      full = #found >= order.limit * 4
      if full then break end
    end
  end
end
if not full and #rows < order.examine * 2 then on = '' end
return { on, found }
