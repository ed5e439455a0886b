-- Read before every script: names of keys (keys.ts tells what is in them) and what several scripts do.
local base = KEYS[1]
local order = cjson.decode(ARGV[1])
local call = redis.call

local function key(name)
  return base .. name
end

-- Whole numbers up to 2^53; Lua itself would write 1.77e+15.
local function int(number)
  return string.format('%.0f', number)
end

local function numberAt(hash, field)
  return tonumber(call('HGET', key(hash), field) or '0')
end

local function isNull(value)
  return value == nil or value == false or value == cjson.null
end

-- at, outcome, kinds, group, route: what records are found by without reading them. The route is last: it may hold anything.
local function readCard(card)
  local at, outcome, kinds, group, route = string.match(card, '^([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n(.*)$')
  return { at = tonumber(at), outcome = outcome, kinds = kinds, group = group, route = route }
end

-- Whether a group has this record as a sample: then it is not among those that age.
local function isSample(id)
  return not call('ZSCORE', key('plain'), id)
end

local function removeRecord(id)
  local card = call('HGET', key('cards'), id)
  if not card then return false end
  local group = readCard(card).group
  local bytes = call('HSTRLEN', key('records'), id)
  call('HDEL', key('records'), id)
  call('HDEL', key('cards'), id)
  call('ZREM', key('order'), id)
  call('ZREM', key('plain'), id)
  call('DECRBY', key('bytes'), bytes)
  if group ~= '' then
    call('ZREM', key('group:' .. group .. ':records'), id)
    call('ZREM', key('group:' .. group .. ':drawn'), id)
  end
  return bytes, group
end

-- records that age, bytes of all, groups, and the times of the oldest of both ('' where there is none)
local function sizes()
  local record = call('ZRANGE', key('plain'), 0, 0, 'WITHSCORES')
  local group = call('ZRANGE', key('groups:seen'), 0, 0, 'WITHSCORES')
  return {
    call('ZCARD', key('plain')),
    tonumber(call('GET', key('bytes')) or '0'),
    call('ZCARD', key('groups:seen')),
    record[2] or '',
    group[2] or '',
  }
end

-- The state a group is shown with, as proxy/group-states.ts has it.
local function stateNow(state, count, compared, comparedFirst, comparedLast)
  if state ~= 'new' and state ~= 'regressed' then return state end
  local between = 0
  local atLeast = QUIET_AFTER_ONE
  if count > 1 then
    between = (comparedLast - comparedFirst) / (count - 1)
    atLeast = QUIET_AT_LEAST
  end
  if compared - comparedLast >= math.max(atLeast, QUIET_TIMES * between) then return 'fixed' end
  return state
end
