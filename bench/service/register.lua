-- SPDX-License-Identifier: Apache-2.0
-- Registers agents that were not there. BENCH_KEY, BENCH_ROUND (told apart by it).
wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer " .. (os.getenv("BENCH_KEY") or "")
wrk.headers["Content-Type"] = "application/json"
local round, number = os.getenv("BENCH_ROUND"), 0
local body = '{"agent_id":"%s-%07d","agent_name":"Agent %d","base_url":"http://10.1.%d.%d:9000",'
  .. '"capabilities":[{"name":"skill-%04d","description":"Does the job"}]}'
request = function()
  number = number + 1
  local filled = string.format(body, round, number, number, number / 250 % 250, number % 250, number % 500)
  return wrk.format(nil, "/register", nil, filled)
end
