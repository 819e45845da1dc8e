# SPDX-License-Identifier: Apache-2.0
"""The command `rollcall`. Its answers go to standard output, everything else to standard error."""
