# SPDX-License-Identifier: Apache-2.0
"""Message search: full text over what was said with agents, and over messages that were imported.

`rollcall.kernel.words` says what a word is, `rollcall.kernel.word_query` what answers a query; the
engines in `rollcall.backends` keep the same words, so that all of them give the same answers.
"""
