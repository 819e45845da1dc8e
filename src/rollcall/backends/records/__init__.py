# SPDX-License-Identifier: Apache-2.0
"""Record stores: the engines that keep what the registry knows (`rollcall.registry.store`)."""
