-- Whose work something is: it stays with whom it is with, and goes to another one once it was not claimed for that long.
local claim = key('claim:' .. order.what)
local there = call('GET', claim)
if there and there ~= order.life then return 0 end
call('SET', claim, order.life, 'PX', int(order.forMs))
return 1
