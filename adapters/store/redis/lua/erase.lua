-- Erases records by their ids, samples of groups among them.
local erased = 0
for _, id in ipairs(order.ids) do
  local bytes, group = removeRecord(id)
  if bytes then
    erased = erased + 1
    local hash = key('group:' .. group)
    if group ~= '' and call('HGET', hash, 'first') == id then call('HDEL', hash, 'first') end
    if group ~= '' and call('HGET', hash, 'last') == id then call('HDEL', hash, 'last', 'lastRank') end
  end
end
for _, id in ipairs(order.pairs) do
  removePair(id)
end
return { erased, sizes() }
