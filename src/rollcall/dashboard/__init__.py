# SPDX-License-Identifier: Apache-2.0
"""What the other services say, gathered onto one page that is never older than it says."""
