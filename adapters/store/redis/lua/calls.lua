-- What one member asks all others (keys.ts). What `order.what` asks for, and its reply:
-- 'put'     | 'done': the question about `order.about`, in place of the last one; ARGV[2] is its sealed text
-- 'look'    | { about, call, age in ms, sealed text or '' where `order.seen` has this call or it is gone, … }: all that are asked
-- 'answer'  | 'done': what a member says to `order.call`; ARGV[2] is its sealed text
-- 'collect' | { member, 'call life' and its sealed text in a line of its own, … }: what was said to the last one about `order.about`

local function timeNow()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function answersOf(about)
  return key('call:' .. about .. ':answers')
end

local function dropOld(now)
  local rows = call('HGETALL', key('calls'))
  for i = 1, #rows, 2 do
    local at = tonumber(string.match(rows[i + 1], ' (%d+)$'))
    if now - at > CALLS_KEPT_MS then call('HDEL', key('calls'), rows[i]) end
  end
end

local steps = {}

function steps.put()
  local now = timeNow()
  dropOld(now)
  call('HSET', key('calls'), order.about, order.call .. ' ' .. int(now))
  call('SET', key('call:' .. order.about), ARGV[2], 'PX', CALL_TEXT_KEPT_MS)
  call('DEL', answersOf(order.about))
  return 'done'
end

function steps.look()
  local now = timeNow()
  local found = {}
  local rows = call('HGETALL', key('calls'))
  for i = 1, #rows, 2 do
    local about = rows[i]
    local id, at = string.match(rows[i + 1], '^(%S+) (%d+)$')
    local text = ''
    if order.seen[about] ~= id then text = call('GET', key('call:' .. about)) or '' end
    for _, each in ipairs({ about, id, int(math.max(0, now - tonumber(at))), text }) do table.insert(found, each) end
  end
  return found
end

-- Of a question that another one has followed nothing is kept: nobody waits for it.
function steps.answer()
  local last = call('HGET', key('calls'), order.about)
  if not last or string.match(last, '^(%S+)') ~= order.call then return 'done' end
  local answers = answersOf(order.about)
  call('HSET', answers, order.member, order.call .. ' ' .. order.life .. '\n' .. ARGV[2])
  call('PEXPIRE', answers, CALL_TEXT_KEPT_MS)
  return 'done'
end

function steps.collect()
  return call('HGETALL', answersOf(order.about))
end

return steps[order.what]()
