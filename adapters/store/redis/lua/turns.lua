-- What a run does with its turns, in order: [what, key's hash, segment or ms]. Replies the time in microseconds, then to each.
-- Segments are numbered by time, so that they go on where a Redis that lost all is another one's successor. So are writes.
-- take   { segment, is at the head, 0, number }   before the primary is called; more: not joined to what it took before. Who is
--                                                 before it is told that somebody waits
-- answered  whether it overlapped another run's   the primary accepted; ms since 1970: when that was called, where its place was not
--                                                 known by then
-- enter  { segment, is at the head, overlapped, number }  both at once, where only the answer tells the key; ms: since it
--                                                 began, 0: no write
-- withdraw, done                                  the primary did not accept it; the shadow is done with it
-- look   'head' | 'waits' | 'idle': those before it are all at the primary | 'gone'; whether nobody came after it. Who is at the head
--                                                 is told that somebody waits
-- peek   whether another run has a write of the key under way, or had one answered within so many ms
-- earlier  { open, moved }                        of each run the lowest numbers that it has open (see the end), and when one ended
-- time                                            nothing but the time
-- reset                                           nothing that it took before stands any more
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local run = order.run

local us = time[1] * 1000000 + time[2]

local function nextSegment()
  local segment = math.max(numberAt('clock', 'turns') + 1, us)
  call('HSET', key('clock'), 'turns', int(segment))
  return int(segment)
end

-- `mayJoin`: the run's own last segment, where nobody came after it.
local function take(h, mayJoin)
  local turn = turnKey(h)
  local tail = call('HGET', turn, 'tail')
  local segment = tail
  if not tail or not mayJoin or call('HGET', turn, 'o' .. tail) ~= run then
    segment = nextSegment()
    if tail then
      call('HSET', turn, 'x' .. tail, segment)
      -- It follows: that the one before is done is said at once, and it may have come by the time it is waited for.
      tellWanted(call('HGET', turn, 'o' .. tail), h, tail)
    else
      call('HSET', turn, 'head', segment)
      call('PERSIST', turnRuns(h))
    end
    call('HSET', turn, 'tail', segment, 'o' .. segment, run)
    call('HINCRBY', turn, 's:' .. run, 1)
    call('SADD', key('turns:' .. run), h)
  end
  call('HINCRBY', turn, 'n' .. segment, 1)
  return segment, call('HGET', turn, 'head') == segment and 1 or 0, segment == tail and nextSegment() or segment
end

local function leavePrimary(h)
  if call('HINCRBY', turnRuns(h), 'u:' .. run, -1) <= 0 then call('HDEL', turnRuns(h), 'u:' .. run) end
end

-- Whether another run has a write of the key at the primary, or had one answered since (ms since 1970; null: at no time).
local function meets(h, since)
  local fields = call('HGETALL', turnRuns(h))
  for i = 1, #fields, 2 do
    local kind, owner = string.sub(fields[i], 1, 2), string.sub(fields[i], 3)
    if owner ~= run then
      if kind == 'u:' then return 1 end
      if since and tonumber(fields[i + 1]) >= since then return 1 end
    end
  end
  return 0
end

local function release(h, segment)
  local turn = turnKey(h)
  if call('HGET', turn, 'o' .. segment) ~= run then return end
  if call('HINCRBY', turn, 'n' .. segment, -1) <= 0 then call('HDEL', turn, 'n' .. segment) end
  if call('HGET', turn, 'head') == segment then advanceTurn(h) end
end

local function look(h, segment)
  local turn = turnKey(h)
  if call('HGET', turn, 'o' .. segment) ~= run then return 'gone' end
  local head = call('HGET', turn, 'head')
  if head == segment then return 'head' end
  local owner, writes = unpack(call('HMGET', turn, 'o' .. head, 'n' .. head))
  tellWanted(owner, h, head)
  local atPrimary = tonumber(call('HGET', turnRuns(h), 'u:' .. owner) or '0')
  return atPrimary >= tonumber(writes) and 'idle' or 'waits'
end

local function peek(h, ms)
  local head, tail = unpack(call('HMGET', turnKey(h), 'head', 'tail'))
  if head and (head ~= tail or call('HGET', turnKey(h), 'o' .. head) ~= run) then return 1 end
  return meets(h, ms > 0 and now - ms)
end

-- The first numbers of writes that are given here: of any, and of one that is answered.
local given, entered
local replies = { int(us) }
for i, op in ipairs(order.ops) do
  local what, h, more = unpack(op)
  local reply = 0
  if what == 'take' then
    local segment, isHead, number = take(h, isNull(more))
    call('HINCRBY', turnRuns(h), 'u:' .. run, 1)
    given = given or number
    reply = { segment, isHead, 0, number }
  elseif what == 'answered' then
    leavePrimary(h)
    call('HSET', turnRuns(h), 'a:' .. run, int(now))
    reply = meets(h, not isNull(more) and more)
  elseif what == 'enter' then
    local overlapped = meets(h, more > 0 and now - more)
    local segment, isHead, number = take(h, false)
    call('HSET', turnRuns(h), 'a:' .. run, int(now))
    if more > 0 then
      given = given or number
      entered = entered or number
    end
    reply = { segment, isHead, overlapped, number }
  elseif what == 'withdraw' then
    leavePrimary(h)
    release(h, more)
  elseif what == 'done' then
    release(h, more)
  elseif what == 'look' then
    reply = { look(h, more), call('HGET', turnKey(h), 'tail') == more and 1 or 0 }
  elseif what == 'peek' then
    reply = peek(h, more)
  elseif what == 'earlier' then
    reply = { call('HGETALL', key('earlier')), call('HGETALL', key('earlier:moved')) }
  elseif what == 'reset' then
    dropTurns(run)
  end
  replies[i + 1] = reply
end

-- `earlier`: of each run the lowest number of a write that it has open, and of one that was answered ('' : none): it says so with
-- each script, as of before what is given here. `earlier:moved`: when (microseconds) one of the two went up.
local function lowestOf(said, first)
  if isNull(said) then return first or '' end
  return int(said)
end
local open = order.open or {}
local lowest, answered = lowestOf(open[1], given), lowestOf(open[2], entered)
local said = lowest == '' and '' or lowest .. ' ' .. answered
local before = call('HGET', key('earlier'), run) or ''
if said ~= before then
  if said == '' then call('HDEL', key('earlier'), run) else call('HSET', key('earlier'), run, said) end
  local function hasRisen(was, is)
    return was ~= '' and (is == '' or tonumber(is) > tonumber(was))
  end
  local wasLowest, wasAnswered = string.match(before, '^(%d*) ?(%d*)$')
  if hasRisen(wasLowest, lowest) or hasRisen(wasAnswered, answered) then
    call('HSET', key('earlier:moved'), run, int(us))
    call('PEXPIRE', key('earlier:moved'), ANSWERED_KEPT_MS)
  end
end
return replies
