-- Phases and the transition between them (keys.ts; proxy/transition.ts). `order.what` is a step; the reply is what is there after it:
-- { Redis' time, { row, … }, transition or '', { member, ack, … }, { registered member, … }, 'done' or why nothing was,
-- whether it is uncertain, whether members are still to be heard again }

local now = timeNow()

local function registered()
  local members = {}
  local rows = call('HGETALL', key('members'))
  for i = 1, #rows, 2 do
    if not cjson.decode(rows[i + 1]).left then table.insert(members, rows[i]) end
  end
  return members
end

-- Whether every route is what the move was decided on: kept-phase.ts.
local function areStill(moves)
  for _, move in ipairs(moves) do
    local text = call('HGET', key('phases'), move.route)
    if isNull(move.instead) then
      if text then return false end
    elseif not text then
      return false
    else
      local kept = cjson.decode(text)
      if kept.epoch ~= move.instead.epoch or kept.at ~= move.instead.at then return false end
    end
  end
  return true
end

local function keep(moves)
  for _, move in ipairs(moves) do call('HSET', key('phases'), move.route, move.row) end
  changed()
end

-- Those that take part, are registered, and have said something else or nothing.
local function missing(state)
  local here = {}
  for _, member in ipairs(registered()) do here[member] = true end
  for _, member in ipairs(transition.members) do
    if here[member] then
      local ack = call('HGET', key('transition:acks'), member)
      if not ack or cjson.decode(ack).state ~= state then return member end
    end
  end
  return nil
end

local function stranger()
  local part = {}
  for _, member in ipairs(transition.members) do part[member] = true end
  for _, member in ipairs(registered()) do
    if not part[member] then return member end
  end
  return nil
end

local function isIt()
  return transition ~= nil and transition.id == order.id
end

local steps = {}

function steps.look()
  return 'done'
end

function steps.move()
  if isUnderWay() then return 'moving' end
  if not areStill(order.moves) then return 'changed' end
  keep(order.moves)
  return 'done'
end

-- Those that were aborted before, the last ones: whoever slept over the end of one reads it here. nil: none was, since an empty
-- list would come out as an object.
local function givenUp()
  if not transition then return nil end
  local ids = transition.givenUp or {}
  if transition.state == 'aborted' then table.insert(ids, transition.id) end
  while #ids > GIVEN_UP_TOLD do table.remove(ids, 1) end
  return #ids > 0 and ids or nil
end

-- By a member that is registered as the process that it is: nobody waits for what one that is not has under way.
function steps.announce()
  if call('HGET', key('members:life'), order.member) ~= order.life then return 'taken' end
  if isSettling(now) then return 'settling' end
  if isUncertain() or (isUnderWay() and now < transition['until']) then return 'moving' end
  if isUnderWay() then put('aborted', 'its time was over') end
  if not areStill(order.moves) then return 'changed' end
  transition = {
    id = order.id,
    coordinator = order.member,
    drains = order.drains,
    settings = order.settings,
    moves = order.moves,
    members = registered(),
    givenUp = givenUp(),
    ['until'] = now + order.forMs,
    replication = replication(),
  }
  call('DEL', key('transition:acks'), key('transition:witness'))
  put('announced')
  return 'done'
end

function steps.prepare()
  if not isIt() or transition.state ~= 'announced' then return 'over' end
  if isUncertain() then return 'uncertain' end
  if now >= transition['until'] then return 'late' end
  if missing('ready') then return 'missing' end
  call('DEL', key('transition:acks'))
  transition['until'] = now + order.forMs
  transition.replication = replication()
  put('prepared')
  return 'done'
end

-- A process that was followed by another one has no say.
function steps.acknowledge()
  if not isIt() or not isUnderWay() then return 'over' end
  if call('HGET', key('members:life'), order.member) ~= order.life then return 'taken' end
  local said = order.ack.state
  local isOfReady = said == 'ready' or said == 'not-ready'
  if isOfReady ~= (transition.state == 'announced') then return 'over' end
  call('HSET', key('transition:acks'), order.member, cjson.encode(order.ack))
  local due = transition.state == 'announced' and 'ready' or 'drained'
  if said == 'failed' or not missing(due) then tellStep(said, transition.coordinator) end
  return 'done'
end

function steps.commit()
  if not isIt() or transition.state ~= 'prepared' then return 'over' end
  if isUncertain() then return 'uncertain' end
  if now >= transition['until'] then return 'late' end
  if missing('drained') or stranger() then return 'missing' end
  if not areStill(transition.moves) then return 'changed' end
  keep(transition.moves)
  put('committed')
  return 'done'
end

-- `order.isKnown`: whoever asks knows that it was not committed.
function steps.abort()
  if not isIt() or not isUnderWay() then return 'over' end
  if isUncertain() and not order.isKnown then return 'uncertain' end
  put('aborted', order.why)
  return 'done'
end

-- A member that holds back has read neither that it was committed nor that it was aborted. Once all that take part say so it is
-- aborted. One that was lost whole is put back first.
function steps.witness()
  if not isIt() and not isUnderWay() then
    transition = cjson.decode(order.transition)
    transition.replication = 'lost'
    put('prepared')
  end
  if not isIt() or not isUncertain() then return 'over' end
  if call('HGET', key('members:life'), order.member) ~= order.life then return 'taken' end
  bearWitness(order.member)
  if not haveAllWitnessed() then return 'missing' end
  put('aborted', 'Redis lost it while it was prepared')
  return 'done'
end

-- Whether a row was set after another one of its route: kept-phase.ts.
local function isLater(row, other)
  if row.epoch ~= other.epoch then return row.epoch > other.epoch end
  return (row.changes or 0) > (other.changes or 0)
end

-- By whoever has read that it was committed, or what was moved since.
local function isAlreadyMade(told)
  if not isUnderWay() then return false end
  for _, move in ipairs(transition.moves) do
    local row, made = told[move.route], cjson.decode(move.row)
    local isIt = row and row.epoch == made.epoch and row.at == made.at
    if not row or not (isIt or isLater(row, made)) then return false end
  end
  return true
end

function steps.tellAgain()
  local told = {}
  for _, move in ipairs(order.moves) do
    local row = cjson.decode(move.row)
    told[move.route] = row
    local text = call('HGET', key('phases'), move.route)
    if not text or isLater(row, cjson.decode(text)) then keep({ move }) end
  end
  if isAlreadyMade(told) then put('committed') end
  return 'done'
end

local word = steps[order.what]()
return {
  int(now),
  call('HVALS', key('phases')),
  call('GET', key('transition')) or '',
  call('HGETALL', key('transition:acks')),
  registered(),
  word,
  isUncertain() and 1 or 0,
  isSettling(now) and 1 or 0,
}
