# SPDX-License-Identifier: Apache-2.0
"""Wire protocols: each a thin translation onto the one registry core."""
