-- A group whole: { fields, hours, compared exchanges of its route, ids of its samples in the order of arrival, their
-- texts where they are asked for }, or '' where there is none. Before that, what an operator decided is kept.
local hash = key('group:' .. order.group)
local route = call('HGET', hash, 'route')
if not route then return '' end
if not isNull(order.decision) then
  -- Quiet is counted from here on: an opened group is open until it has been missing for long.
  call('HSET', hash, 'state', order.state, 'decision', order.decision, 'rule', order.rule, 'comparedLast', int(numberAt('compared', route)))
end
local ids = call('ZRANGE', hash .. ':drawn', 0, -1)
for _, id in ipairs(call('HMGET', hash, 'first', 'last')) do
  if id then ids[#ids + 1] = id end
end
local samples = {}
for _, id in ipairs(ids) do
  local position = call('ZSCORE', key('order'), id)
  if position then samples[#samples + 1] = { id, tonumber(position) } end
end
table.sort(samples, function(a, b) return a[2] < b[2] end)
local shown, texts = {}, {}
for i, sample in ipairs(samples) do
  shown[i] = sample[1]
  if order.texts then texts[i] = call('HGET', key('records'), sample[1]) or '' end
end
return { call('HGETALL', hash), call('HGETALL', hash .. ':hours'), call('HGET', key('compared'), route) or '0', shown, texts }
