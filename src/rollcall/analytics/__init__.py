# SPDX-License-Identifier: Apache-2.0
"""What conversations and usage say, counted once: facts, queries over them, and exports."""
