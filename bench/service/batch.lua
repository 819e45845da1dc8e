-- SPDX-License-Identifier: Apache-2.0
-- BENCH_SIZE heartbeats a request, of the next so many agents. BENCH_KEY, BENCH_AGENTS.
wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer " .. (os.getenv("BENCH_KEY") or "")
wrk.headers["Content-Type"] = "application/json"
local agents, size = tonumber(os.getenv("BENCH_AGENTS")), tonumber(os.getenv("BENCH_SIZE"))
local bodies, number = {}, 0
for first = 0, agents - size, size do
  local ids = {}
  for one = first, first + size - 1 do ids[#ids + 1] = string.format('"agent-%06d"', one) end
  bodies[#bodies + 1] = '{"agent_ids":[' .. table.concat(ids, ",") .. "]}"
end
request = function()
  number = number + 1
  return wrk.format(nil, "/heartbeats", nil, bodies[number % #bodies + 1])
end
