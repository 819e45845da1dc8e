-- SPDX-License-Identifier: Apache-2.0
-- One heartbeat a request, each of the next agent. BENCH_KEY, BENCH_AGENTS.
wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer " .. (os.getenv("BENCH_KEY") or "")
local agents, number = tonumber(os.getenv("BENCH_AGENTS")), 0
request = function()
  number = number + 1
  return wrk.format(nil, string.format("/agents/agent-%06d/heartbeat", number % agents))
end
