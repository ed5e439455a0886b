-- Process lives that use the store, and what is owed to one that ended without a word.

-- Milliseconds during which somebody was heard: while Redis itself was away nobody's silence counts.
local function pulse()
  local time = call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local last = tonumber(call('HGET', key('clock'), 'at') or int(now))
  local heard = numberAt('clock', 'heard') + math.max(0, math.min(now - last, MOST_BETWEEN_BEATS_MS))
  call('HSET', key('clock'), 'at', int(now), 'heard', int(heard))
  return heard
end

local function countUnknown(route, times)
  if times == 0 then return end
  call('HINCRBY', key('outcomes'), cjson.encode({ route, 'unknown', '' }), int(times))
end

-- A process that is started again and again leaves one gap, not one for each time.
local function recordGap(route, from, to, why)
  local latest = call('HGET', key('gaps:unclean'), route)
  if latest then
    local id, count = string.match(latest, '^(%S+) (%d+)$')
    local before = tonumber(call('HGET', key('gap:to'), id) or '0')
    if from - before < ADJOINING_MS or tonumber(count) >= MAX_UNCLEAN_GAPS then
      call('HSET', key('gap:to'), id, int(to))
      return
    end
  end
  local number = call('HINCRBY', key('clock'), 'gaps', 1)
  local id = 'unclean-' .. order.partition .. '-' .. number
  local position = math.max(to * 1000, tonumber(call('HGET', key('clock'), 'position') or '0') + 1)
  call('HSET', key('clock'), 'position', int(position))
  call('ZADD', key('gaps'), int(position), id)
  call('HSET', key('gap'), id, cjson.encode({ route, int(from), why, '' }))
  call('HSET', key('gap:to'), id, int(to))
  call('HINCRBY', key('gaps:count'), route, 1)
  local count = latest and tonumber(string.match(latest, ' (%d+)$')) or 0
  call('HSET', key('gaps:unclean'), route, id .. ' ' .. int(count + 1))
end

local function closeGaps(name, now)
  for _, id in ipairs(call('SMEMBERS', key(name .. ':gaps'))) do
    call('HSETNX', key('gap:to'), id, int(now))
  end
  call('DEL', key(name .. ':gaps'))
end

-- Writes without an outcome are unknown, gaps it left open end; without a clean end its routes get a gap. Of a lasting run
-- that ends cleanly the journal has the writes without an outcome, and its next life goes on with them.
local function endRun(run, now, clean)
  local name = 'run:' .. run
  dropTurns(run)
  if clean and call('HEXISTS', key(name), 'life') == 1 then
    closeGaps(name, now)
    call('ZREM', key('runs'), run)
    call('HSET', key(name), 'left', int(now))
    call('EXPIRE', key(name), GIVEN_UP_KEPT_S)
    return
  end
  local fields = call('HGETALL', key(name))
  local heartbeat, balanced = now, now
  local routes, pending, owed = {}, {}, {}
  for i = 1, #fields, 2 do
    local field, value = fields[i], fields[i + 1]
    if field == 'heartbeat' then heartbeat = tonumber(value) end
    if field == 'balanced' then balanced = tonumber(value) end
    if string.sub(field, 1, 8) == 'pending:' and tonumber(value) ~= 0 then pending[string.sub(field, 9)] = tonumber(value) end
    if string.sub(field, 1, 6) == 'route:' then routes[string.sub(field, 7)] = true end
  end
  for route, times in pairs(pending) do
    countUnknown(route, times)
    owed[#owed + 1] = { route, times }
  end
  closeGaps(name, now)
  expirePins(run, nil, now)
  call('ZREM', key('runs'), run)
  if clean then
    call('DEL', key(name))
    return
  end
  for route in pairs(routes) do
    local from = pending[route] and math.min(heartbeat, balanced) or heartbeat
    recordGap(route, math.min(from, now), now, 'unclean end while unjournaled')
  end
  -- It may come back: a stopped process is not a dead one. Then its writes get their outcomes after all.
  call('HSET', key(name), 'given-up', #owed == 0 and '[]' or cjson.encode(owed))
  call('EXPIRE', key(name), GIVEN_UP_KEPT_S)
end

local function endSilentRuns(now, heard)
  local silent = call('ZRANGEBYSCORE', key('runs'), '-inf', '(' .. int(heard - order.silentMs), 'LIMIT', 0, 10)
  for _, run in ipairs(silent) do
    if run ~= order.run then endRun(run, now, false) end
  end
  return #silent
end

-- The run speaks again: whether it had been given up.
local function takeBack(name)
  local given = call('HGET', key(name), 'given-up')
  if not given then return false end
  for _, owed in ipairs(cjson.decode(given)) do
    countUnknown(owed[1], -owed[2])
  end
  call('HDEL', key(name), 'given-up')
  call('PERSIST', key(name))
  return true
end
