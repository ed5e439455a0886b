-- Applies one batch of one run, once: a batch that comes again is recognised by its number. Replies
-- { 'lost', number of the last batch that is here, until when its counts are (0: nothing is) } |
-- { 'taken' }: another process goes on with this run |
-- { 'known' | 'done', events, sizes, sizes of pairs }
local name = 'run:' .. order.run
local last = numberAt(name, 'batch')
local function hasPending()
  for _, route in ipairs(order.routes) do
    if numberAt(name, 'pending:' .. route) ~= 0 then return true end
  end
  return false
end

if last < order.acknowledged then
  -- A write without an outcome may have begun as early as the last moment at which there was none.
  local heartbeat = numberAt(name, 'heartbeat')
  return { 'lost', int(last), int(hasPending() and math.min(heartbeat, numberAt(name, 'balanced')) or heartbeat) }
end
if not isNull(order.life) then
  local life = call('HGET', key(name), 'life')
  -- One that began earlier is what a failover has brought back.
  if life and life > order.life then return { 'taken' } end
  call('HSET', key(name), 'life', order.life, 'generation', int(order.generation))
  call('HDEL', key(name), 'left', 'returned')
end

local heard = pulse()
takeBack(name)
call('ZADD', key('runs'), int(heard), order.run)
endSilentRuns(order.now, heard)
if order.number <= last then return { 'known', {}, sizes(), pairSizes() } end

-- Positions go up within a partition, whatever members' clocks say.
local position = numberAt('clock', 'position')
local function place(given)
  position = math.max(given, position + 1)
  return int(position)
end

-- Each count is how far this run has come, so that none is added twice and lost ones are made good.
local function advance(field, value)
  local more = value - numberAt(name, field)
  if more ~= 0 then call('HSET', key(name), field, int(value)) end
  return more
end

for _, count in ipairs(order.outcomes) do
  local route, outcome, reason, value = unpack(count)
  local title = cjson.encode({ route, outcome, reason })
  local more = advance('outcome:' .. title, value)
  if more ~= 0 then
    call('HINCRBY', key('outcomes'), title, int(more))
    call('HINCRBY', key(name), 'pending:' .. route, int(-more))
    if outcome == 'match' or outcome == 'ignored' or outcome == 'divergent' then
      call('HINCRBY', key('compared'), route, int(more))
    end
  end
end
for _, count in ipairs(order.totals) do
  local route, eligible, reads = unpack(count)
  local more = advance('eligible:' .. route, eligible)
  call('HINCRBY', key('eligible'), route, int(more))
  if more ~= 0 then
    call('HINCRBY', key(name), 'pending:' .. route, int(more))
    call('HSET', key(name), 'route:' .. route, '1')
  end
  local read = advance('reads:' .. route, reads)
  if read ~= 0 then call('HINCRBY', key('compared'), route, int(read)) end
end

local function forgetTries(route, member)
  local tried = call('HGET', key('repair:tried'), member)
  if not tried then return end
  if cjson.decode(tried).state == 'parked' then call('HINCRBY', key('repairs:parked'), route, -1) end
  call('HDEL', key('repair:tried'), member)
end
local function addRepair(route, whole, text, row)
  local member = cjson.encode({ route, whole and 1 or 0, text })
  -- Of one that misses at the one service and then at the other nobody says which: nor where an older version has marked it.
  local last = call('HGET', key('repair:last'), member)
  local misses = last and cjson.decode(last)[3] == row.misses and row.misses or ''
  if not call('ZSCORE', key('repairs'), member) then
    -- The list is never evicted, so past its bound it becomes coarser instead of longer.
    if not whole and numberAt('repairs:count', route) >= order.repairKeys then
      row.place = nil
      addRepair(route, true, '', row)
      return
    end
    local at = place(row.position)
    misses = isNull(row.misses) and '' or row.misses
    call('ZADD', key('repairs'), at, member)
    call('ZADD', key('repairs:' .. route), at, member)
    call('HSET', key('repair:since'), member, row.since)
    call('HINCRBY', key('repairs:count'), route, 1)
  end
  call('HSET', key('repair:last'), member, cjson.encode({ row.reason, row.exchangeId, misses }))
  call('HINCRBY', key('repair:times'), member, int(row.times))
  call('HINCRBY', key('repair:revision'), member, int(row.times))
  if not isNull(row.notBefore) and row.notBefore > numberAt('repair:bound', member) then
    call('HSET', key('repair:bound'), member, int(row.notBefore))
  end
  if not isNull(row.place) then
    local known = call('HGET', key('repair:place'), member)
    known = known and cjson.decode(known) or {}
    local part = row.place.part or known[2] or false
    local uncreated = row.place.uncreated or known[3] or false
    call('HSET', key('repair:place'), member, cjson.encode({ row.place.sealed, part, uncreated }))
  end
  -- What was found of an earlier revision says nothing of this one.
  forgetTries(route, member)
end
for _, row in ipairs(order.repairs) do
  addRepair(row.route, isNull(row.key), isNull(row.key) and '' or row.key, row)
end

for _, row in ipairs(order.gaps) do
  if row.change == 'opened' then
    if call('HSETNX', key('gap'), row.id, cjson.encode({ row.route, int(row.from), row.why, order.run, isNull(row.misses) and '' or row.misses })) == 1 then
      call('ZADD', key('gaps'), place(row.position), row.id)
      call('HINCRBY', key('gaps:count'), row.route, 1)
      call('SADD', key(name .. ':gaps'), row.id)
    end
  elseif call('HEXISTS', key('gap'), row.id) == 1 then
    call('SREM', key(name .. ':gaps'), row.id)
    if row.change == 'closed' then
      call('HSETNX', key('gap:to'), row.id, int(row.to))
    else
      call('HINCRBY', key('gaps:count'), cjson.decode(call('HGET', key('gap'), row.id))[1], -1)
      call('HDEL', key('gap'), row.id)
      call('HDEL', key('gap:to'), row.id)
      call('ZREM', key('gaps'), row.id)
    end
  end
end

-- Groups. A flood is of few: each is read and written once for a batch.
local events = {}
local groups = {}

local function groupOf(row)
  local known = groups[row.group]
  if known then return known end
  local compared = numberAt('compared', row.route)
  local fields = call('HMGET', key('group:' .. row.group), 'state', 'count', 'comparedFirst', 'comparedLast', 'firstMs',
    'lastMs', 'last', 'lastRank', 'rule')
  known = { compared = compared, hours = {}, lastBuild = nil, isNew = not fields[1] }
  if known.isNew then
    known.state, known.count, known.firstMs, known.lastMs = 'new', 0, row.at, row.at
    known.comparedFirst, known.comparedLast = compared, compared
    call('HSET', key('group:' .. row.group), 'route', row.route, 'method', row.method, 'signature', row.signature,
      'firstBuild', isNull(row.build) and '' or row.build, 'failure', row.failure and '1' or '0', 'first', row.id)
    events[#events + 1] = { 'new', row.group }
  else
    known.state, known.count = fields[1], tonumber(fields[2])
    known.comparedFirst, known.comparedLast = tonumber(fields[3]), tonumber(fields[4])
    known.firstMs, known.lastMs = tonumber(fields[5]), tonumber(fields[6])
    known.last, known.lastRank = fields[7], fields[8]
    known.decision = fields[9] and cjson.decode(fields[9]) or nil
  end
  groups[row.group] = known
  return known
end

local function acknowledgementIsOver(decision, row)
  if not isNull(decision.untilMs) and row.at > decision.untilMs then return true end
  return not isNull(decision.build) and not isNull(row.build) and row.build ~= decision.build
end

local function stateWhenSeen(shown, decision, row)
  if shown == 'acknowledged' then
    return decision and acknowledgementIsOver(decision, row) and 'regressed' or 'acknowledged'
  end
  if shown ~= 'fixed' then return shown end
  -- What was under way when somebody said so proves nothing.
  return decision and decision.state == 'fixed' and row.at <= decision.atMs and 'fixed' or 'regressed'
end

-- The sample that was the last so far enters the draw: those that rank lowest stay (samples.ts).
local function nextSample(group, seen, row)
  local before, rank = seen.last, seen.lastRank
  seen.last, seen.lastRank = row.id, row.rank
  if not before or before == '' then return end
  local drawn = key('group:' .. group .. ':drawn')
  call('ZADD', drawn, int(tonumber(rank)), before)
  if call('ZCARD', drawn) <= DRAWN_SAMPLES then return end
  local out = call('ZPOPMAX', drawn)[1]
  local card = call('HGET', key('cards'), out)
  if card then call('ZADD', key('plain'), int(readCard(card).at), out) end
end

local function count(row)
  local seen = groupOf(row)
  if seen.isNew and seen.count == 0 then
    seen.count = 1
  else
    local shown = stateNow(seen.state, seen.count, seen.compared, seen.comparedFirst, seen.comparedLast)
    seen.state = stateWhenSeen(shown, seen.decision, row)
    if seen.state == 'regressed' and shown ~= 'regressed' then events[#events + 1] = { 'regressed', row.group } end
    seen.count = seen.count + 1
    nextSample(row.group, seen, row)
  end
  seen.comparedLast = seen.compared
  seen.firstMs = math.min(seen.firstMs, row.at)
  seen.lastMs = math.max(seen.lastMs, row.at)
  if not isNull(row.build) then seen.lastBuild = row.build end
  seen.hours[row.hour] = (seen.hours[row.hour] or 0) + 1
end

for i, row in ipairs(order.evidence) do
  local group = isNull(row.group) and '' or row.group
  local card = int(row.at) .. '\n' .. row.outcome .. '\n' .. row.kinds .. '\n' .. group .. '\n' .. row.route
  if call('HSETNX', key('cards'), row.id, card) == 1 then
    local text = ARGV[i + 1]
    local at = place(row.position)
    call('HSET', key('records'), row.id, text)
    call('ZADD', key('order'), at, row.id)
    call('INCRBY', key('bytes'), #text)
    if group ~= '' then call('ZADD', key('group:' .. group .. ':records'), at, row.id) end
    if group ~= '' and not isNull(row.signature) then
      count(row)
    else
      call('ZADD', key('plain'), int(row.at), row.id)
      if group ~= '' and call('EXISTS', key('group:' .. group)) == 1 then
        call('HINCRBY', key('group:' .. group), 'tainted', 1)
      end
    end
  end
end

for group, seen in pairs(groups) do
  local hash = key('group:' .. group)
  call('HSET', hash, 'state', seen.state, 'count', int(seen.count), 'firstMs', int(seen.firstMs), 'lastMs',
    int(seen.lastMs), 'comparedFirst', int(seen.comparedFirst), 'comparedLast', int(seen.comparedLast))
  if seen.last then call('HSET', hash, 'last', seen.last, 'lastRank', int(tonumber(seen.lastRank))) end
  if seen.lastBuild then call('HSET', hash, 'lastBuild', seen.lastBuild) end
  local hours = key('group:' .. group .. ':hours')
  local latest = 0
  for hour, times in pairs(seen.hours) do
    call('HINCRBY', hours, int(hour), times)
    latest = math.max(latest, hour)
  end
  if call('HLEN', hours) > TREND_HOURS then
    for _, hour in ipairs(call('HKEYS', hours)) do
      if tonumber(hour) <= latest - TREND_HOURS then call('HDEL', hours, hour) end
    end
  end
  -- Counts are negative so that the most frequent come first, and equal ones by their ids.
  call('ZADD', key('groups'), int(-seen.count), group)
  call('ZADD', key('groups:seen'), int(seen.lastMs), group)
end

for i, row in ipairs(order.pairs) do
  keepPair(row, ARGV[1 + #order.evidence + i], place(row.position))
end
evictPairs(order.now - order.keepMs, order.pairBytes)
if #order.places > 0 then keepPlaces(order.places, order.now - order.keepMs, order.keepPlaces) end
for _, row in ipairs(order.gateEvidence) do call('HSET', key('gate-evidence'), row.name, row.text) end
for _, row in ipairs(order.shadows) do
  call('HSET', key(name), 'shadow:' .. row.route, lifeOf(name) .. ' ' .. (isNull(row.service) and '' or row.service))
end
for _, row in ipairs(order.leanings) do
  local known = call('HGET', key('leanings'), row.name)
  local was = known and cjson.decode(known) or { 0, row.first, row.last }
  call('HSET', key('leanings'), row.name,
    cjson.encode({ int(was[1] + row.times), int(math.min(was[2], row.first)), int(math.max(was[3], row.last)) }))
end
for _, row in ipairs(order.rowJobs) do call('HSET', key('row-jobs'), row.name, row.text) end
for _, row in ipairs(order.controls) do
  control(row, place(row.position))
end

call('HSET', key('clock'), 'position', int(position))
if not hasPending() then call('HSET', key(name), 'balanced', int(order.now)) end
call('HSET', key(name), 'batch', int(order.number), 'heartbeat', int(order.now), 'mark', int(order.mark))
return { 'done', events, sizes(), pairSizes() }
