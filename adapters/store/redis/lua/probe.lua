-- Tries every command that the scripts use. Replies { commands that the user may not use, whether its keys are not ours }.
local lacking = {}
local foreign = 0
local hash, zset, set, text = key('probe:h'), key('probe:z'), key('probe:s'), key('probe:t')
local tries = {
  { 'HSET', hash, 'a', '1' }, { 'HSETNX', hash, 'a', '1' }, { 'HGET', hash, 'a' }, { 'HMGET', hash, 'a' },
  { 'HGETALL', hash }, { 'HINCRBY', hash, 'a', 1 }, { 'HEXISTS', hash, 'a' }, { 'HLEN', hash }, { 'HKEYS', hash },
  { 'HSTRLEN', hash, 'a' }, { 'HDEL', hash, 'a' }, { 'ZADD', zset, 1, 'a' }, { 'ZSCORE', zset, 'a' }, { 'ZCARD', zset },
  { 'ZRANGE', zset, 0, 0 }, { 'ZRANGEBYSCORE', zset, 0, 1 }, { 'ZREVRANGEBYSCORE', zset, 1, 0 }, { 'ZREM', zset, 'b' },
  { 'ZPOPMAX', zset }, { 'SADD', set, 'a' }, { 'SMEMBERS', set }, { 'SREM', set, 'a' }, { 'INCRBY', text, 1 },
  { 'DECRBY', text, 1 }, { 'GET', text }, { 'EXISTS', text }, { 'EXPIRE', text, 60 }, { 'PEXPIRE', text, 60000 }, { 'PERSIST', text }, { 'TIME' },
  { 'DEL', hash, zset, set, text },
}
for _, try in ipairs(tries) do
  local reply = redis.pcall(unpack(try))
  if type(reply) == 'table' and reply.err then
    if string.find(reply.err, 'keys', 1, true) then
      foreign = 1
    elseif string.find(reply.err, 'NOPERM', 1, true) or string.find(reply.err, "can't run this command", 1, true) then
      lacking[#lacking + 1] = try[1]
    else
      return redis.error_reply(reply.err)
    end
  end
end
return { lacking, foreign }
