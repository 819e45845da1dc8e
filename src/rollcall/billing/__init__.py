# SPDX-License-Identifier: Apache-2.0
"""What agents used, what that is charged, and what may be spent (document 4)."""
