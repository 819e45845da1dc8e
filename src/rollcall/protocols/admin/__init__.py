# SPDX-License-Identifier: Apache-2.0
"""What operators ask of a running process: keys, the audit log, events nobody could handle."""
