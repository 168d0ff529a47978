"""Fix: decisions about findings, kept as an append-only text file in git, and applied to data.

Reading order, from the ground up: `certificate` (bounds); `exhibits` (what a reviewer is shown); `decisions` (lines, and
which of them stand), `values` (how they are carried out), `log` (the value), `files` (the same for files); `formats` and
`exchange` (other tools); `reviews`, `session` (the value) and `outlook`.
"""
