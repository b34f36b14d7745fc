"""The documentation's site; `make test-docs` runs these, in an environment of their own."""
