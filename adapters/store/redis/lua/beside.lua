-- What all runs have counted in this partition, and this one's own part of it, at one moment.
return { call('HGETALL', key('outcomes')), call('HGETALL', key('eligible')), call('HGETALL', key('run:' .. order.run)) }
