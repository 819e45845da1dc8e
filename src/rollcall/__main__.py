# SPDX-License-Identifier: Apache-2.0
"""`python -m rollcall` is the command `rollcall`."""

from rollcall.cli.main import main

if __name__ == "__main__":
    main()
