# SPDX-License-Identifier: Apache-2.0
"""The wizard (document 4): agents for a business, out of a library of trades."""
