-- A run begins ('begin') or ends cleanly ('end').
if order.what == 'end' then
  endRun(order.run, order.now, true)
  return 1
end
local heard = pulse()
call('ZADD', key('runs'), int(heard), order.run)
call('HSET', key('run:' .. order.run), 'heartbeat', int(order.now), 'balanced', int(order.now))
for _, route in ipairs(order.routes) do
  call('HSET', key('run:' .. order.run), 'route:' .. route, '1')
end
return call('ZCARD', key('runs'))
