-- SPDX-License-Identifier: Apache-2.0
-- One question a request, each in a session of its own. BENCH_ROUND.
wrk.method = "POST"
wrk.path = "/api/v1/process"
wrk.headers["Content-Type"] = "application/json"
local round, number = os.getenv("BENCH_ROUND") or "r", 0
request = function()
  number = number + 1
  return wrk.format(nil, nil, nil, string.format(
    '{"session_id": "%s-%d", "user_input": "Calculate 10 + 5"}', round, number))
end
