# SPDX-License-Identifier: Apache-2.0
"""The core: records, leases, evidence, index and the log of changes.

What the words mean: a *record* is what the registry knows of an agent, a service or a tool server;
a *lease* says until when silence is normal; a *change* is one committed write, numbered by its
*revision*; an *event* is what a change means to somebody who watches.
"""
