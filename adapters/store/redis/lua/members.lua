-- Members (keys.ts). What `order.what` asks for, and its reply:
-- 'look'   | { 'here' | 'gone' | 'taken', how often phases have changed, how often overrides have, which batch did that last }: whether this life is registered, another one is in its place
-- 'say'    | the same; registers with what it says of itself, where it is there or begins
-- 'leave'  | { 'left' | 'taken' }
-- 'forget' | { 'forgotten' | 'alive' | 'settling': it may be alive, and say so within seconds | 'unknown' }
-- 'settled' | { 1: members have been heard again since Redis may have lost who is registered }; by one that is no member yet
-- 'list'   | { time that members were heard, Redis' time, { id, text, … }, { id, heard, … } }

-- Milliseconds during which some member was heard: while Redis itself was away nobody was silent.
local function heardFor(now)
  local last = tonumber(call('HGET', key('members:clock'), 'at') or int(now))
  return numberAt('members:clock', 'heard') + math.max(0, math.min(now - last, MOST_BETWEEN_SAYINGS_MS))
end

local function remove(id)
  for _, name in ipairs({ 'members', 'members:life', 'members:heard' }) do call('HDEL', key(name), id) end
end

-- Those that left long ago are of no use to anybody.
local function dropOld(now)
  local rows = call('HGETALL', key('members'))
  for i = 1, #rows, 2 do
    local stamp = call('HGET', key('members:heard'), rows[i]) or '0 0'
    local at = tonumber(string.match(stamp, ' (%d+)$'))
    if cjson.decode(rows[i + 1]).left and now - at > LEFT_KEPT_MS then remove(rows[i]) end
  end
end

-- Whoever begins does not hold back what others have agreed to hold back, or an earlier life of it had.
-- Of one that may have been committed before Redis lost that, those who hold back decide.
local function abortTransition()
  if isUnderWay() and not isUncertain() then put('aborted', 'a member started meanwhile') end
end

-- Whoever was registered before and is not any more was lost by Redis, and may not be the only one; so may be whoever came after
-- the last thing that a replica had heard, once that is the master.
local function noteLoss(now)
  local before = call('HGET', key('members:clock'), 'replication')
  local present = replication()
  if order.again or (before and before ~= present) then call('HSET', key('members:clock'), 'lost', int(now)) end
  if before ~= present then call('HSET', key('members:clock'), 'replication', present) end
end

local function note(id, now)
  local heard = heardFor(now)
  call('HSET', key('members:clock'), 'at', int(now), 'heard', int(heard))
  call('HSET', key('members'), id, ARGV[2])
  call('HSET', key('members:heard'), id, int(heard) .. ' ' .. int(now))
end

if order.what == 'settled' then
  local now = timeNow()
  noteLoss(now)
  return { isSettling(now) and 0 or 1 }
end

if order.what == 'list' then
  local now = timeNow()
  return { heardFor(now), int(now), call('HGETALL', key('members')), call('HGETALL', key('members:heard')) }
end

local life = call('HGET', key('members:life'), order.id)
local now = timeNow()

if order.what == 'forget' then
  local isAwaited = false
  if isUncertain() then
    for _, member in ipairs(transition.members) do isAwaited = isAwaited or member == order.id end
  end
  if not life and isAwaited then
    if isSettling(now) then return { 'settling' } end
    bearWitness(order.id)
    return { 'forgotten' }
  end
  if not life then return { 'unknown' } end
  local heard = tonumber(string.match(call('HGET', key('members:heard'), order.id) or '0 0', '^(%d+)'))
  local left = cjson.decode(call('HGET', key('members'), order.id)).left
  if not left and heardFor(now) - heard < order.silentMs then return { 'alive' } end
  if isAwaited then bearWitness(order.id) end
  remove(order.id)
  return { 'forgotten' }
end

local state = 'here'
if not life or life < order.life then state = 'gone' elseif life > order.life then state = 'taken' end

if order.what == 'leave' then
  if state == 'taken' then return { 'taken' } end
  -- Of a transition that Redis loses in part, one that has left is not asked, and one that is not known is.
  if order.lasting or isUnderWay() then note(order.id, now) else remove(order.id) end
  return { 'left' }
end

if order.what == 'say' then noteLoss(now) end
if order.begins then
  dropOld(now)
  abortTransition()
  call('HSET', key('members:life'), order.id, order.life)
  state = 'here'
end
if order.what == 'say' and state == 'here' then note(order.id, now) end
return { state, numberAt('clock', 'phases'), numberAt('clock', 'overrides'), call('HGET', key('clock'), 'overrides:by') or '' }
