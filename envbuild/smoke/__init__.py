"""Stage 6, smoke: does the image do what its spec says? Verb: `run_smoke(…) -> SmokeReport` (in `run`).

`plan_checks` (in `checks`) says what to try, `run_smoke` tries it in a locked-down container,
`report` turns the outcome into rows and JSON.
A check ends passed, failed, or not run (with why); a GPU check without a GPU is never green.
"""
