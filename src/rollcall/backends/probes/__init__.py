# SPDX-License-Identifier: Apache-2.0
"""How health checks travel."""
