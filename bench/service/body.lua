-- SPDX-License-Identifier: Apache-2.0
-- The same body to the same path for ever, for peers: BENCH_BODY.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = os.getenv("BENCH_BODY")
