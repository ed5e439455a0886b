-- The end of an attempt at one revision of a repair, which is named by its position: 'done', or 'changed' where it was
-- marked again or is gone.
local found = call('ZRANGEBYSCORE', key('repairs:' .. order.route), int(order.id), int(order.id))
local member = found[1]
if not member or numberAt('repair:revision', member) ~= order.revision then return 'changed' end
local tried = call('HGET', key('repair:tried'), member)
local wasParked = tried and cjson.decode(tried).state == 'parked'
if order.equal then
  call('ZREM', key('repairs'), member)
  call('ZREM', key('repairs:' .. order.route), member)
  for _, name in ipairs({ 'since', 'last', 'times', 'revision', 'bound', 'place', 'tried' }) do
    call('HDEL', key('repair:' .. name), member)
  end
  call('HINCRBY', key('repairs:count'), order.route, -1)
  if wasParked then call('HINCRBY', key('repairs:parked'), order.route, -1) end
  return 'done'
end
call('HSET', key('repair:tried'), member, order.tried)
if isNull(order.notBefore) then
  call('HDEL', key('repair:bound'), member)
else
  call('HSET', key('repair:bound'), member, int(order.notBefore))
end
if order.parked ~= (wasParked or false) then
  call('HINCRBY', key('repairs:parked'), order.route, order.parked and 1 or -1)
end
return 'done'
