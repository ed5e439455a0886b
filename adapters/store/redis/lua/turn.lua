-- Turns: whose writes of a key go to the shadow next. A key's turns are a list of segments, each one run's: writes that it took
-- one after another. The first segment is at the head; it goes when all of its writes are done.
-- `turn:H` head, tail, and of segment S its owner (oS), writes (nS) and follower (xS); segments of each run (s:R).
-- `turn:H:runs` of each run its writes at the primary (u:R), and when its last one was answered (a:R); `turns:R` keys of a run.
local ANSWERED_KEPT_MS = 60000

local function turnKey(h) return key('turn:' .. h) end
local function turnRuns(h) return key('turn:' .. h .. ':runs') end

-- Whose it is now is told (turn-calls.ts), where the user may: nobody relies on it.
local function tellTurn(h, head)
  local owner = call('HGET', turnKey(h), 'o' .. head)
  if owner then redis.pcall('PUBLISH', key('turns:' .. owner), h .. ' ' .. head) end
end

-- Whoever is done with it says so with what he asks next, and at once where somebody waits.
local function tellWanted(owner, h, head)
  redis.pcall('PUBLISH', key('turns:' .. owner), h .. ' ' .. head .. ' wanted')
end

local function advanceTurn(h)
  local turn = turnKey(h)
  local head = call('HGET', turn, 'head')
  if not head then return end
  local before = head
  while head and call('HEXISTS', turn, 'n' .. head) == 0 do
    local owner, follower = unpack(call('HMGET', turn, 'o' .. head, 'x' .. head))
    call('HDEL', turn, 'o' .. head, 'x' .. head)
    if owner and call('HINCRBY', turn, 's:' .. owner, -1) <= 0 then
      call('HDEL', turn, 's:' .. owner)
      call('SREM', key('turns:' .. owner), h)
    end
    head = follower
  end
  if head then
    call('HSET', turn, 'head', head)
    if head ~= before then tellTurn(h, head) end
  else
    call('DEL', turn)
    call('PEXPIRE', turnRuns(h), ANSWERED_KEPT_MS)
  end
end

-- It has ended, or starts anew: others go on without its writes, which are verified by state.
local function dropTurns(run)
  for _, h in ipairs(call('SMEMBERS', key('turns:' .. run))) do
    local turn = turnKey(h)
    local fields = call('HGETALL', turn)
    for i = 1, #fields, 2 do
      if fields[i + 1] == run and string.sub(fields[i], 1, 1) == 'o' then
        call('HDEL', turn, 'n' .. string.sub(fields[i], 2))
      end
    end
    call('HDEL', turnRuns(h), 'u:' .. run)
    advanceTurn(h)
  end
  call('DEL', key('turns:' .. run))
  call('HDEL', key('earlier'), run)
end

-- Pins (pins.lua): `pin:H` of each life that holds the name its end, ms since 1970, 0: none; `pins:of:LIFE`, `pins:lives:RUN`.
local function pinKey(h) return key('pin:' .. h) end

-- What its lives but for this one hold lasts until everybody has seen what they left on the repair list, or as a gap.
local function expirePins(run, exceptLife, now)
  for _, life in ipairs(call('SMEMBERS', key('pins:lives:' .. run))) do
    if life ~= exceptLife then
      for _, h in ipairs(call('SMEMBERS', key('pins:of:' .. life))) do
        if call('HEXISTS', pinKey(h), life) == 1 then
          call('HSET', pinKey(h), life, int(now + PINS_KEPT_MS))
        end
      end
      call('DEL', key('pins:of:' .. life))
      call('SREM', key('pins:lives:' .. run), life)
    end
  end
end
