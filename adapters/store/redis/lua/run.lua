-- A run begins ('begin') or ends cleanly ('end'). A lasting one, which has a journal, goes on where its life before ended: replies
-- what is known of it, as fields and values. That stays as it is until the first commit: a beginning may have to be repeated.
if order.what == 'end' then
  endRun(order.run, order.now, true)
  return {}
end
local name = 'run:' .. order.run
local before = {}
if order.lasting then
  if takeBack(name) then call('HSET', key(name), 'returned', '1') end
  before = call('HGETALL', key(name))
  closeGaps(name, order.now)
  dropTurns(order.run)
  call('PERSIST', key(name))
  call('HSET', key(name), 'life', order.life)
end
local heard = pulse()
call('ZADD', key('runs'), int(heard), order.run)
call('HSET', key(name), 'heartbeat', int(order.now))
call('HSETNX', key(name), 'balanced', int(order.now))
for _, route in ipairs(order.routes) do
  call('HSET', key(name), 'route:' .. route, '1')
end
return before
