-- What is said once for the whole store; made good where somebody emptied Redis. Replies { generation, partitions,
-- secret, replication ids as last seen }.
call('HSETNX', key('meta'), 'partitions', order.partitions)
call('HSETNX', key('meta'), 'secret', order.secret)
call('HSETNX', key('meta'), 'generation', order.floor)
if order.opening then call('HINCRBY', key('meta'), 'generation', 1) end
local was = call('HGET', key('meta'), 'replication') or ''
-- An opening that finds other ids has to own up to that first.
if was == '' or not order.opening then call('HSET', key('meta'), 'replication', order.replication) end
local meta = call('HMGET', key('meta'), 'generation', 'partitions', 'secret')
return { meta[1], meta[2], meta[3], was }
