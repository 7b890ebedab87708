"""Email nurture and newsletters for physical-therapy clinics.

Start reading at ``docs/decisions.md`` and the layers in ``pyproject.toml``
(``[tool.importlinter]``): data flows files -> plan -> compose -> deliver -> report.
"""

__version__ = "0.1.0"
