"""Stage 4: a plan and the templates in dockerfiles/ → a build context: Dockerfile, files beside it, digest.

Verb: `render(plan, templates, copies=…) -> BuildContext` (render.py), pure. Around it: `find_templates`
(templates.py), `read_copies` (copies.py) and `write_context` (context.py) touch the disk.
"""
