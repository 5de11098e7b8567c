"""What differs between two of spec, lock and image. Verb: `diff(a, b) → Difference`. Pure.

`contents` puts all of them into one form, `Contents`; `judge` says identical, equivalent or different.
"""
