# SPDX-License-Identifier: Apache-2.0
"""My agents (document 4): definitions from the side of whoever owns and runs them."""
