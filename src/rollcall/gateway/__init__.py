# SPDX-License-Identifier: Apache-2.0
"""The gateway: one address for every service, wherever each of them runs (document 4)."""
