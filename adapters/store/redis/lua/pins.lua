-- What a run says of its pins, in order: [what, name's hash]; then what is to be told. `until`: microseconds (Redis' time, by the run's
-- own reckoning) up to which it is sure to hear of what it holds before its clients do; `spec`: what its pins are about, '' where not
-- all of its writes are pinned. Replies the time in microseconds, then to each question 1: free, or 0.
-- hold, release   a name
-- settled         what earlier lives of the run had open is delivered, or on the repair list
-- `asks`: [names' hashes, spec, members]: whether nobody else holds one of them, and every member says that spec and is sure
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local us = time[1] * 1000000 + time[2]
local run, life = order.run, order.life

call('HSET', key('pins:said'), run, int(order['until']) .. ' ' .. order.spec)

for _, op in ipairs(order.ops) do
  local what, h = unpack(op)
  if what == 'hold' then
    call('HSET', pinKey(h), life, '0')
    call('SADD', key('pins:of:' .. life), h)
    call('SADD', key('pins:lives:' .. run), life)
  elseif what == 'release' then
    call('HDEL', pinKey(h), life)
    call('SREM', key('pins:of:' .. life), h)
  elseif what == 'settled' then
    expirePins(run, life, now)
  end
end

local function isFree(h)
  local fields = call('HGETALL', pinKey(h))
  local free = true
  for i = 1, #fields, 2 do
    local ends = tonumber(fields[i + 1])
    if fields[i] ~= life then
      if ends == 0 or ends > now then free = false else call('HDEL', pinKey(h), fields[i]) end
    end
  end
  return free
end

local function isSure(member, spec)
  local said = call('HGET', key('pins:said'), member)
  local untilUs, about = string.match(said or '', '^(%d+) (.*)$')
  return untilUs and about == spec and tonumber(untilUs) > us
end

local function isAnswered(ask)
  local hashes, spec, members = unpack(ask)
  for _, h in ipairs(hashes) do if not isFree(h) then return 0 end end
  for _, member in ipairs(members) do if not isSure(member, spec) then return 0 end end
  return 1
end

local replies = { int(us) }
for i, ask in ipairs(order.asks) do replies[i + 1] = isAnswered(ask) end
return replies
