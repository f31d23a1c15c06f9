-- One decision: KEYS[1] has the times at which the buckets are full again, ARGV the interval and the burst of each limit, in
-- microseconds. Times are Redis' own, in microseconds since 2025, which a double holds to the hundredth.
local clock = redis.call('TIME')
local now = (clock[1] - 1735689600) * 1000000 + clock[2]
local full = {}
for time in string.gmatch(redis.call('GET', KEYS[1]) or '', '%S+') do
	full[#full + 1] = tonumber(time)
end

local answer, allowed = { 1 }, true
local lacks = {}
for i = 1, #ARGV / 2 do
	local interval, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
	lacks[i] = math.min(math.max(0, (full[i] or 0) - now), interval * burst)
	-- Half a microsecond is what rounding may have added.
	allowed = allowed and lacks[i] + interval <= interval * burst + 0.5
end
if allowed then
	local longest, times = 0, {}
	for i = 1, #lacks do
		lacks[i] = lacks[i] + tonumber(ARGV[2 * i - 1])
		longest = math.max(longest, lacks[i])
		times[i] = string.format('%.2f', now + lacks[i])
	end
	redis.call('SET', KEYS[1], table.concat(times, ' '), 'PX', math.ceil(longest / 1000) + 1)
else
	answer[1] = 0
end
for i = 1, #lacks do
	answer[i + 1] = math.floor(lacks[i])
end
return answer
