# SPDX-License-Identifier: Apache-2.0
"""The kit that every HTTP service is built with; it knows no feature.

`module.create_app` puts it together. Its middleware is plain ASGI, so that what is answered before
FastAPI's router goes through the same doors.
"""
