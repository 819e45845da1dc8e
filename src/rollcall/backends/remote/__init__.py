# SPDX-License-Identifier: Apache-2.0
"""What features need of each other, where they run in another process: over HTTP."""
