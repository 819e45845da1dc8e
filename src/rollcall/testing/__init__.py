# SPDX-License-Identifier: Apache-2.0
"""Shipped for tests: a clock that stands still, a model that follows a script, a store that fails
on demand, contract suites.
"""
