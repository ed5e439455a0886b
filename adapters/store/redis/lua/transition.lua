-- The transition of phases that was begun last (proxy/transition.ts), for scripts that change it.

local function timeNow()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function readTransition()
  local text = call('GET', key('transition'))
  return text and cjson.decode(text) or nil
end

local transition = readTransition()

local function isUnderWay()
  return transition ~= nil and (transition.state == 'announced' or transition.state == 'prepared')
end

-- Another one after a restart and after a failover: what was confirmed before may be lost.
local function replication()
  return string.match(call('INFO', 'replication'), 'master_replid:(%w+)')
end

-- Whether others may have read more of it than is left: of one that is announced too, since that it was prepared and committed
-- may be lost with the rest.
local function isUncertain()
  return isUnderWay() and transition.replication ~= replication()
end

-- Whether Redis may have lost who is registered, so short a time ago that not all have said it again.
local function isSettling(now)
  if call('HGET', key('members:clock'), 'replication') ~= replication() then return true end
  local lost = tonumber(call('HGET', key('members:clock'), 'lost') or '0')
  return now >= lost and now - lost < SETTLE_MS
end

local function changed()
  call('HINCRBY', key('clock'), 'phases', 1)
end

-- Steps are told (told.ts), where the user may: nobody relies on it. `member`: who waits for it; otherwise all do.
local function tellStep(step, member)
  redis.pcall('PUBLISH', key('moves'), transition.id .. ' ' .. step .. (member and ' ' .. member or ''))
end

local function put(state, why)
  transition.state = state
  if why then transition.why = why end
  call('SET', key('transition'), cjson.encode(transition))
  changed()
  tellStep(state)
end

-- Of a member that has read neither that it was committed nor that it was aborted.
local function bearWitness(member)
  call('HSET', key('transition:witness'), member, transition.id .. replication())
end

-- Whether all that take part have said so, or left.
local function haveAllWitnessed()
  local now = replication()
  for _, member in ipairs(transition.members) do
    local row = call('HGET', key('members'), member)
    local hasLeft = row and cjson.decode(row).left
    if not hasLeft and call('HGET', key('transition:witness'), member) ~= transition.id .. now then return false end
  end
  return true
end
