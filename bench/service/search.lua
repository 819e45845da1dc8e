-- SPDX-License-Identifier: Apache-2.0
-- Five agents for each of BENCH_PHRASES phrases in turn. BENCH_KEY.
wrk.headers["Authorization"] = "Bearer " .. (os.getenv("BENCH_KEY") or "")
local phrases, number = tonumber(os.getenv("BENCH_PHRASES")), 0
request = function()
  number = number + 1
  return wrk.format(nil, string.format("/capabilities/search?q=skill-%04d&limit=5", number % phrases))
end
