"""Measures the budgets side by side with their peers: `python -m bench [S1 S3 …] [--quick] [--json]`.

    budgets ──▶ plan ──▶ rounds ──▶ one process per probe:   peers/     in an environment of its own (envs)
    (data)     (order)   (runs)                              subjects/  stook, in this environment
       │                    │                                floors/    what the database alone allows
       └──▶ verdict ◀───────┘
              └──▶ report: a table, JSON lines, results.md

A probe is a script with one mode and one size; what it measured is the JSON object on its last line (`probe`).
"""
