"""Cases: what a policy must do with a few candidates on a page, written for people in TOML.

`reading` reads them, `running` decides them, `comparing` says what came out otherwise than told,
`counting` counts which rules they show.
"""
