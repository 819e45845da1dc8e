-- SPDX-License-Identifier: Apache-2.0
-- etcd's put of a value as long as a registration, to keys in turn: BENCH_KEYS (base64, with commas).
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local keys, number = {}, 0
for key in string.gmatch(os.getenv("BENCH_KEYS"), "[^,]+") do keys[#keys + 1] = key end
local value = string.rep("eyJhIjoxfQ", 22)
request = function()
  number = number + 1
  local key = keys[number % #keys + 1]
  return wrk.format(nil, "/v3/kv/put", nil, '{"key":"' .. key .. '","value":"' .. value .. '"}')
end
