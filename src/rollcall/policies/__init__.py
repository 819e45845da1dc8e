# SPDX-License-Identifier: Apache-2.0
"""Rules without I/O and without a clock: retry, circuit breaker, balancing, budget, rate.

Time and randomness are arguments: `now` is monotonic seconds, `rng` a `random.Random`. The objects
that keep a state are for one event loop or thread; they take no locks.
"""
