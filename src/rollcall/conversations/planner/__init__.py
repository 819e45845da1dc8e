# SPDX-License-Identifier: Apache-2.0
"""The offline planner: picks a tool and fills its arguments from the user's words, without a model.

It knows what a model knows: the words, and the tools with their descriptions and JSON Schemas. It
has words for what people ask about (numbers, units, pages, dates), and none for any tool.
"""
