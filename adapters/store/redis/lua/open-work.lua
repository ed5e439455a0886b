-- For each route { route, repairs, parked, gaps, repairs and gaps in which legacy may miss something, new, acknowledged, fixed, regressed }: what is open. Shadow failures are left out.
local work = {}
local compared = {}
local function of(route)
  if not work[route] then work[route] = { repairs = 0, parked = 0, gaps = 0, new = 0, acknowledged = 0, fixed = 0, regressed = 0 } end
  return work[route]
end
for _, what in ipairs({ 'repairs', 'gaps' }) do
  local counts = call('HGETALL', key(what .. ':count'))
  for i = 1, #counts, 2 do
    if tonumber(counts[i + 1]) > 0 then of(counts[i])[what] = tonumber(counts[i + 1]) end
  end
end
local parked = call('HGETALL', key('repairs:parked'))
for i = 1, #parked, 2 do
  if tonumber(parked[i + 1]) > 0 then of(parked[i]).parked = tonumber(parked[i + 1]) end
end
for _, group in ipairs(call('ZRANGE', key('groups'), 0, -1)) do
  local row = call('HMGET', key('group:' .. group), 'route', 'failure', 'state', 'count', 'comparedFirst', 'comparedLast')
  if row[1] and row[2] == '0' then
    if not compared[row[1]] then compared[row[1]] = numberAt('compared', row[1]) end
    local state = stateNow(row[3], tonumber(row[4]), compared[row[1]], tonumber(row[5]), tonumber(row[6]))
    of(row[1])[state] = of(row[1])[state] + 1
  end
end
-- Read from the entries themselves: an older version takes some off without counting. Of a long list all count.
local function nextMissesAlone(hash, field, at)
  local kept = call('HGET', key(hash), field)
  return kept and cjson.decode(kept)[at] == 'next'
end
local function legacyMissesRepairs(route, repairs)
  if repairs == 0 or repairs > SIDES_TOLD then return repairs end
  local count = 0
  for _, member in ipairs(call('ZRANGE', key('repairs:' .. route), 0, -1)) do
    if not nextMissesAlone('repair:last', member, 3) then count = count + 1 end
  end
  return count
end
local legacyMissesGaps = {}
for _, id in ipairs(call('ZRANGE', key('gaps'), 0, -1)) do
  local kept = call('HGET', key('gap'), id)
  local gap = kept and cjson.decode(kept)
  if gap and gap[5] ~= 'next' then legacyMissesGaps[gap[1]] = (legacyMissesGaps[gap[1]] or 0) + 1 end
end
local rows = {}
for route, open in pairs(work) do
  rows[#rows + 1] = { route, open.repairs, open.parked, open.gaps,
    legacyMissesRepairs(route, open.repairs), legacyMissesGaps[route] or 0, open.new, open.acknowledged, open.fixed, open.regressed }
end
return rows
