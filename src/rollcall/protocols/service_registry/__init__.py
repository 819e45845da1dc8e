# SPDX-License-Identifier: Apache-2.0
"""The service registry of document 1 (port 3003, prefix `/api/v1`)."""
